"""Propagation: the edit of the first frame carried along optical flow. It needs no model.

It works on clips of any size and length, and knows nothing that frame 0 does not show: teeth
behind closed lips, an eye behind its lid.
"""

from collections.abc import Iterator
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from synclora_lite.editing.flow import Flow, Flows, Mask, fill, flow_between, flow_to_first, sample

Frames = UInt8[np.ndarray, "frames height width 3"]
Image = UInt8[np.ndarray, "height width 3"]
Propagation = Literal["flow", "residual", "deformation"]

CHANGED = 24  # grey levels of one channel from which an edit changes a pixel
_AROUND = 2.0  # pixels: whether a deformation explains an edit is asked of places, not of pixels


def propagate(
    source: Frames, edited: Image, kind: Propagation, flows: Flows | None = None
) -> Frames:
    """Carry the edited first frame through the clip.

    Args:
        source: The clip.
        edited: Its first frame, edited.
        kind: "flow" carries the edited picture itself, "residual" the difference that the edit
            made, "deformation" bends every source frame as the edit bent the first and adds the
            difference that remains (geometric warping with what it leaves over, as Liu, Shan and
            Zhang, "Expressive expression mapping with ratio images", SIGGRAPH 2001, have it with
            a ratio).
        flows: Of the source to its first frame; computed if left out, which is most of the work.

    """
    output = np.empty_like(source)
    for t, (frame, _) in enumerate(propagated(source, edited, kind, flows)):
        output[t] = frame
    output[0] = edited
    return output


def propagated(
    source: Frames, edited: Image, kind: Propagation, flows: Flows | None = None
) -> Iterator[tuple[Image, Mask]]:
    """Yield the frames of `propagate`, one in memory at a time, and what frame 0 hides of each."""
    bend = np.zeros((*edited.shape[:2], 2), np.float32)
    if kind == "deformation":
        bend = deformation(source[0], edited)
    # what is left over is filled in where frame 0 does not show a pixel; the bend is not, for
    # filled in it fits a mouth that opens less well
    base = sample(source[0], bend) if kind == "deformation" else source[0]
    residual = edited.astype(np.float32) - base
    for frame, (flow, hidden) in zip(source, flows or flow_to_first(source), strict=True):
        if kind == "flow":
            yield fill(sample(edited, flow), hidden), hidden
            continue
        bent = sample(frame, sample(bend, flow)) if kind == "deformation" else frame
        carried = _spread(sample(residual, flow), hidden)
        yield np.clip(bent + carried + 0.5, 0, 255).astype(np.uint8), hidden


def edit_retention(source: Frames, edited: Image, output: Frames) -> float:
    """Estimate without the truth how much of the edit is still there in frames 1 and later.

    1 - |output - expected| / |source - expected| over the pixels that the edit changed and flow
    can follow, where expected is the edit propagated by deformation. NaN if there are none.
    """
    lost, total = 0, 0
    frames = zip(source, output, propagated(source, edited, "deformation"), strict=True)
    for t, (original, made, (carried, hidden)) in enumerate(frames):
        if t == 0:
            continue
        expected = carried.astype(np.int16)
        change = np.abs(original - expected)
        where = (change.max(-1) >= CHANGED) & ~hidden
        lost += int(np.abs(made - expected)[where].sum())
        total += int(change[where].sum())
    return 1 - lost / total if total else float("nan")


def deformation(original: Image, edited: Image) -> Flow:
    """Find where the edit took its pixels from, as far as moving pixels explains the edit."""
    bend = flow_between(edited, original)
    without, within = (
        cv2.GaussianBlur(np.abs(edited.astype(np.float32) - picture).max(-1), (0, 0), _AROUND)
        for picture in (original, sample(original, bend))
    )
    explained = np.clip(2 * (without - within) / np.maximum(without, 1e-3), 0, 1)
    return bend * cv2.GaussianBlur(explained, (0, 0), _AROUND)[..., None]


def _spread(
    residual: Float[np.ndarray, "height width 3"], hidden: Mask, radius: float = 4.0
) -> Float[np.ndarray, "height width 3"]:
    """Replace hidden values by the weighted mean of visible ones around them (normalised blur)."""
    seen = (~hidden).astype(np.float32)
    total = cv2.GaussianBlur(residual * seen[..., None], (0, 0), radius)
    weight = cv2.GaussianBlur(seen, (0, 0), radius)[..., None]
    return np.where(hidden[..., None], total / np.maximum(weight, 1e-3), residual)
