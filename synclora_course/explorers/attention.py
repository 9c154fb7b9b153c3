"""Pick a target token and see what it attends to, in the reference and in the target."""

import base64
import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from synclora_course.explorers.page import Explorer, fill, jpeg_text
from synclora_lite.errors import ModelError
from synclora_lite.viz import PALETTE, Picture, figure, style

Pictures = UInt8[np.ndarray, "frames height width 3"]
Weights = Float[np.ndarray, "targets tokens"]
COLOURS = ("blue", "green", "orange")
SIDE = 112  # pixels of one frame as sent
MOST_TOKENS = 400  # of a clip; of more, 2x2 neighbours are shown as one: a page has to be loaded


def attention_explorer(
    maps: Mapping[str, Weights],
    *,
    grid: tuple[int, int, int],
    reference: Pictures,
    target: Pictures,
    starts: Sequence[int],
    sigma: float,
    start: tuple[int, int, int] = (1, 0, 0),
    alt: str = "",
) -> Explorer:
    """Show the place of any target token in the sequence, and its attention over both clips.

    Args:
        maps: Weights by name (a head, a mean of heads, a control): one row for each target token,
            one column for each token of the sequence, reference first. Both clips have one size.
        grid: Latent frames, rows and columns of a clip.
        reference: One picture for each latent frame of the reference.
        target: The same for the target.
        starts: First video frame of each latent frame.
        sigma: Noise level of the target's tokens, but for the first frame.
        start: Frame, row and column of the token shown first, also without scripts.
        alt: What is seen; made from the names of the maps if left empty.

    """
    _check_fit(maps, grid, [len(reference), len(target), len(starts)])
    while math.prod(grid) > MOST_TOKENS and grid[1] % 2 == grid[2] % 2 == 0:
        maps = {name: _pooled(weights, grid) for name, weights in maps.items()}
        grid = grid[0], grid[1] // 2, grid[2] // 2
        start = start[0], start[1] // 2, start[2] // 2
    alt = alt or f"What each token of the target attends to, for {', '.join(maps)}."
    packed = [{"name": name, **_packed(weights)} for name, weights in maps.items()]
    data = {"grid": grid, "start": start, "starts": list(map(int, starts)), "sigma": sigma,
            "colours": [PALETTE[name] for name in COLOURS], "maps": packed}  # fmt: skip
    values = {
        "REFERENCE": _strip(reference),
        "TARGET": _strip(target),
        "OPTIONS": "".join(f"<option>{html.escape(name)}</option>" for name in maps),
        "ASPECT": f"{grid[0] * reference.shape[2]} / {reference.shape[1]}",
        **{name.upper(): PALETTE[name] for name in COLOURS},
        "STILL": _still(next(iter(maps.values())), grid, (reference, target), start, alt).html,
    }
    return fill("attention.html", alt, data, values)


def _check_fit(maps: Mapping[str, Weights], grid: tuple[int, int, int], frames: list[int]) -> None:
    """Refuse weights, pictures or times that are not of the grid."""
    tokens = grid[0] * grid[1] * grid[2]
    shapes = {weights.shape for weights in maps.values()}
    if shapes != {(tokens, 2 * tokens)} or set(frames) != {grid[0]}:
        raise ModelError(
            f"weights of shapes {sorted(shapes)}; pictures and times of {frames} frames",
            f"weights of shape {(tokens, 2 * tokens)} and {grid[0]} of each of the others",
        )


def _pooled(
    weights: Weights, grid: tuple[int, int, int]
) -> Float[np.ndarray, "fewer_targets fewer_tokens"]:
    """Join 2x2 neighbours: the mean of what they attend to, the sum of what they get."""
    frames, rows, columns = grid
    blocks = (rows // 2, 2, columns // 2, 2)
    parts = weights.reshape(frames, *blocks, 2 * frames, *blocks).mean((2, 4)).sum((5, 7))
    return parts.reshape(frames * rows * columns // 4, -1)


def _packed(weights: Weights) -> dict[str, object]:
    """Return weights as bytes, each row scaled to its largest, and what the scaling took away."""
    largest = weights.max(1, keepdims=True)
    levels = np.round(255 * weights / np.maximum(largest, 1e-12)).astype(np.uint8)
    share = weights[:, : weights.shape[0]].sum(1)  # that goes into the reference
    return {
        "bytes": base64.b64encode(levels.tobytes()).decode(),
        "share": [round(float(value), 3) for value in share],
    }


def _strip(pictures: Pictures) -> str:
    small = [cv2.resize(p, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for p in pictures]
    return jpeg_text(np.concatenate(small, 1), quality=82)


def _still(
    weights: Weights,
    grid: tuple[int, int, int],
    clips: tuple[Pictures, Pictures],
    start: tuple[int, int, int],
    alt: str,
) -> Picture:
    """Draw the attention of the first token over both clips."""
    frames, rows, columns = grid
    token = (start[0] * rows + start[1]) * columns + start[2]
    heat = weights[token].reshape(2, frames, rows, columns) / weights[token].max()
    with style():
        canvas = figure(1.6 * frames, 3.5)
        panels = canvas.subplots(2, frames, squeeze=False)
        over: dict[str, Any] = {"cmap": "magma", "alpha": 0.6, "vmin": 0, "vmax": 1}
        for line, (pictures, label) in enumerate(zip(clips, ("reference", "target"), strict=True)):
            panels[line, 0].set_ylabel(label)
            for frame in range(frames):
                panel, side = panels[line, frame], (0, columns, rows, 0)
                panel.imshow(pictures[frame], extent=side)
                panel.imshow(heat[line, frame], extent=side, **over)
                panel.set(xticks=[], yticks=[])
                panel.grid(visible=False)
        box = (start[2], start[2] + 1, start[2] + 1, start[2], start[2])
        edge = (start[1], start[1], start[1] + 1, start[1] + 1, start[1])
        panels[1, start[0]].plot(box, edge, color=PALETTE["orange"], linewidth=3)
        return Picture.from_figure(canvas, alt)
