"""Propagation: the edit of the first frame carried along optical flow. It needs no model.

It knows nothing that frame 0 does not show: teeth behind closed lips, an eye behind its lid.
Restoration takes what is propagated, which is as sharp as the source, where a model drew the same.
"""

from collections.abc import Iterator
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from scipy.special import expit

from synclora_lite.editing.flow import Flow, Flows, Mask, fill, flow_between, flow_to_first, sample
from synclora_lite.video.clip import Frames

Image = UInt8[np.ndarray, "height width 3"]
Propagation = Literal["flow", "residual", "deformation"]

CHANGED = 24  # grey levels of one channel from which an edit changes a pixel
DRAWN, NOT_DRAWN = 20.0, 50.0  # grey levels: below, the model drew the same; above, it did not
BLUR = 1.0  # pixels: what is compared are colours of places, not of single pixels
HEAD_START, SOFT = 6.0, 4.0  # grey levels: what keeps the source's motion is preferred
SPREAD = 4.0  # pixels: how far around a hidden pixel visible ones count
_AROUND = 2.0  # pixels: whether a deformation explains an edit is asked of places, not of pixels


def propagate(
    source: Frames, edited: Image, kind: Propagation, flows: Flows | None = None
) -> Frames:
    """Carry the edited first frame through the clip.

    "flow" carries the edited picture itself, "residual" the difference that the edit made,
    "deformation" bends every source frame as the edit bent the first and adds the difference that
    remains (as Liu, Shan and Zhang, "Expressive expression mapping with ratio images", SIGGRAPH
    2001, with a ratio). The flows of the source to its first frame are computed if left out.
    """
    output = np.stack([frame for frame, _ in propagated(source, edited, kind, flows)])
    output[0] = edited
    return output


def propagated(
    source: Frames, edited: Image, kind: Propagation, flows: Flows | None = None
) -> Iterator[tuple[Image, Mask]]:
    """Yield the frames of `propagate`, one in memory at a time, and what frame 0 hides of each."""
    bend = deformation(source[0], edited) if kind == "deformation" else None
    # what is left over is filled in where frame 0 does not show a pixel; the bend is not, for
    # filled in it fits a mouth that opens less well
    base = source[0] if bend is None else sample(source[0], bend)
    residual = edited.astype(np.float32) - base
    for frame, (flow, hidden) in zip(source, flows or flow_to_first(source), strict=True):
        if kind == "flow":
            yield fill(sample(edited, flow), hidden), hidden
            continue
        bent = frame if bend is None else sample(frame, sample(bend, flow))
        # where frame 0 hides a pixel: the weighted mean of visible ones around (normalised blur)
        carried, seen = sample(residual, flow), (~hidden).astype(np.float32)
        total = cv2.GaussianBlur(carried * seen[..., None], (0, 0), SPREAD)
        around = total / np.maximum(cv2.GaussianBlur(seen, (0, 0), SPREAD), 1e-3)[..., None]
        carried = np.where(hidden[..., None], around, carried)
        yield np.clip(bent + carried + 0.5, 0, 255).astype(np.uint8), hidden


def restore(source: Frames, edited: Image, output: Frames) -> Frames:
    """Take what is propagated from the edited first frame where the output shows the same."""
    flows = list(flow_to_first(source))
    deformed = propagate(source, edited, "deformation", flows)
    return take_propagated(output, deformed, propagate(source, edited, "flow", flows))


def take_propagated(output: Frames, deformed: Frames, picture: Frames) -> Frames:
    """Return c (a deformed + (1 - a) picture) + (1 - c) output: a propagation where it is near."""
    far = distance(deformed, output), distance(picture, output)
    share = expit((far[1] - far[0] + HEAD_START) / SOFT)  # a
    propagated = share * deformed + (1 - share) * picture
    sure = np.clip((NOT_DRAWN - np.minimum(*far)) / (NOT_DRAWN - DRAWN), 0, 1)  # c
    return np.clip(sure * propagated + (1 - sure) * output + 0.5, 0, 255).astype(np.uint8)


def distance(a: Frames, b: Frames) -> Float[np.ndarray, "frames height width 1"]:
    """Return the grey levels between the colours of places of two clips."""
    change = a.astype(np.float32) - b
    smooth = np.stack([cv2.GaussianBlur(frame, (0, 0), BLUR) for frame in change])
    return np.abs(smooth).max(-1, keepdims=True)


def edit_retention(source: Frames, edited: Image, output: Frames) -> float:
    """Estimate, without the truth, the share of the edit kept: 1 - |output - e| / |source - e|.

    Here e is the edit propagated by deformation; the sums run over the pixels of frames 1 and later
    that the edit changed and flow can follow. NaN if there are none.
    """
    lost, total = 0, 0
    frames = zip(source, output, propagated(source, edited, "deformation"), strict=True)
    next(frames)
    for original, made, (carried, hidden) in frames:
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
