"""What editing costs nothing to compare with: copying, and warping the edit along optical flow.

None of these needs a model, so they work on clips of any kind, size and length. Who has the
source's flow to its first frame already may pass it on; it is most of the work.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import UInt8

from synclora_lite.editing.flow import Flow, Flows, Mask, fill, flow_between, flow_to_first, sample

Frames = UInt8[np.ndarray, "frames height width 3"]
Image = UInt8[np.ndarray, "height width 3"]

_AROUND = 2.0  # pixels: whether a bend explains an edit is asked of places, not of single pixels


def copy(source: Frames, edited: Image) -> Frames:
    """Return the source with only its first frame exchanged: perfect sync, no edit kept."""
    output = source.copy()
    output[0] = edited
    return output


def flow_warp(source: Frames, edited: Image, flows: Flows | None = None) -> Frames:
    """Carry the edited first frame along the source's optical flow.

    Pixels that frame 0 does not show (teeth behind closed lips, an eye behind its lid) are filled
    from their surroundings, so what was closed in frame 0 never truly opens.
    """
    output = np.empty_like(source)
    for t, (flow, hidden) in enumerate(flows or flow_to_first(source)):
        output[t] = fill(sample(edited, flow), hidden)
    output[0] = edited
    return output


def residual_warp(source: Frames, edited: Image, flows: Flows | None = None) -> Frames:
    """Carry only the *difference* that the edit made, and add it to each source frame.

    What the edit left alone stays as sharp and as synchronized as the source; what it covered
    (a blink behind dark glasses) shines through, because the source is still underneath.
    """
    residual = edited.astype(np.float32) - source[0]
    output = np.empty_like(source)
    for t, (flow, hidden) in enumerate(flows or flow_to_first(source)):
        carried = _spread(sample(residual, flow), hidden)
        output[t] = np.clip(source[t] + carried + 0.5, 0, 255).astype(np.uint8)
    output[0] = edited
    return output


def bend_warp(source: Frames, edited: Image, flows: Flows | None = None) -> Frames:
    """Bend every source frame as the edit bent the first, and add the difference that remains.

    A smile moves what is there: as a difference of colours it fits only the mouth of frame 0, as a
    displacement it fits every mouth. (Geometric warping with what it leaves over, as Liu, Shan and
    Zhang, "Expressive expression mapping with ratio images", SIGGRAPH 2001, have it with a ratio.)
    Where the edit bent nothing this is `residual_warp`. What is left over is filled in where frame
    0 does not show a pixel; the bend is not, for filled in it fits a mouth that opens less well.
    """
    output = np.empty_like(source)
    for t, (frame, _) in enumerate(bent_frames(source, edited, flows)):
        output[t] = frame
    output[0] = edited
    return output


def bent_frames(
    source: Frames, edited: Image, flows: Flows | None = None
) -> Iterator[tuple[Image, Mask]]:
    """Yield the frames of `bend_warp`, one in memory at a time, and what frame 0 hides of each."""
    bend = bend_of(source[0], edited)
    left_over = edited.astype(np.float32) - sample(source[0], bend)
    for frame, (flow, hidden) in zip(source, flows or flow_to_first(source), strict=True):
        bent = sample(frame, sample(bend, flow))
        carried = _spread(sample(left_over, flow), hidden)
        yield np.clip(bent + carried + 0.5, 0, 255).astype(np.uint8), hidden


def bend_of(original: Image, edited: Image) -> Flow:
    """Find where the edit took its pixels from, as far as moving pixels explains the edit."""
    bend = flow_between(edited, original)
    without, within = (
        cv2.GaussianBlur(np.abs(edited.astype(np.float32) - picture).max(-1), (0, 0), _AROUND)
        for picture in (original, sample(original, bend))
    )
    explained = np.clip(2 * (without - within) / np.maximum(without, 1e-3), 0, 1)
    return bend * cv2.GaussianBlur(explained, (0, 0), _AROUND)[..., None]


def _spread(residual: np.ndarray, hidden: np.ndarray, radius: float = 4.0) -> np.ndarray:
    """Replace hidden values by the weighted mean of visible ones around them (normalised blur)."""
    seen = (~hidden).astype(np.float32)
    total = cv2.GaussianBlur(residual * seen[..., None], (0, 0), radius)
    weight = cv2.GaussianBlur(seen, (0, 0), radius)[..., None]
    return np.where(hidden[..., None], total / np.maximum(weight, 1e-3), residual)
