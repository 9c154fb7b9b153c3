"""Dense optical flow back to the first frame, and what can be carried along it.

Frame-to-frame flow is Farneback's (SCIA 2003); chained, it is where DIS (Kroeger et al., ECCV 2016)
starts to refine against frame 0 itself. Occlusions are found by the forward-backward test of
Sundaram, Brox and Keutzer (ECCV 2010), holes filled by Telea's inpainting (2004).
"""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from synclora_lite.video.clip import Frames

Image = UInt8[np.ndarray, "height width 3"]
Gray = UInt8[np.ndarray, "_ _"]
Flow = Float[np.ndarray, "height width 2"]
Mask = Bool[np.ndarray, "height width"]
Flows = Iterable[tuple[Flow, Mask]]  # per frame, as `flow_to_first` yields them

_WORKING_SIDE = (256, 384)  # small clips are enlarged: flow of eyelids needs pixels
_FINE_SIDE = 576  # for two pictures only there is time for more: it finds tenths of a pixel
_SMALLEST_SIDE = 32  # DIS has no pyramid below this
_VISIBLE = 12.0  # grey levels: a wrong match that looks right to within this is no hole


def flow_to_first(frames: Frames) -> Iterator[tuple[Flow, Mask]]:
    """Estimate, for every frame, where each pixel was in frame 0, and which ones it does not show.

    Each estimate starts from the one before, carried on by one frame, and is then refined against
    frame 0 itself. A pixel is hidden if it comes from outside the picture, or if the way there and
    back ends elsewhere *and* the match looks different.
    """
    height, width = frames.shape[1:3]
    scale = _enlargement(height, width, _WORKING_SIDE)
    grays = [_gray(frame, scale) for frame in frames]
    refine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    there = back = np.zeros((*grays[0].shape, 2), np.float32)
    for t, gray in enumerate(grays):
        if t:
            step, step_back = _step(gray, grays[t - 1]), _step(grays[t - 1], gray)
            there = refine.calc(gray, grays[0], step + sample(there, step))
            back = refine.calc(grays[0], gray, back + sample(step_back, back))
        differs = cv2.absdiff(sample(grays[0], there), gray) > _VISIBLE
        origin = there + _grid(*gray.shape)
        beyond = ((origin < -1) | (origin > gray.shape[::-1])).any(-1)
        hidden = beyond | (occluded(there, back) & differs)
        mask = cv2.resize(hidden.astype(np.uint8), (width, height)) > 0
        yield _to_size(there, width, height), mask


def flow_between(start: Image, end: Image) -> Flow:
    """Estimate where each pixel of one picture is in another, much the same one, in pixels."""
    height, width = start.shape[:2]
    scale = _enlargement(height, width, (_FINE_SIDE, _FINE_SIDE))
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = dis.calc(_gray(start, scale), _gray(end, scale), None)
    return _to_size(flow, width, height)


def _to_size(flow: Float[np.ndarray, "_ _ 2"], width: int, height: int) -> Flow:
    """Bring a flow, and the pixels that it counts in, to another size."""
    ratio = width / flow.shape[1]
    how = cv2.INTER_LINEAR if ratio > 1 else cv2.INTER_AREA
    return cv2.resize(flow, (width, height), interpolation=how) * np.float32(ratio)


def _enlargement(height: int, width: int, sides: tuple[int, int]) -> float:
    """Return by how much pictures are enlarged, or made smaller, for a larger side within these."""
    scale = np.clip(max(height, width), *sides) / max(height, width)
    return float(max(scale, _SMALLEST_SIDE / min(height, width)))


def _step(start: Gray, end: Gray) -> Flow:
    return cv2.calcOpticalFlowFarneback(start, end, None, 0.5, 5, 21, 4, 7, 1.5, 0)


def occluded(flow: Flow, back: Flow) -> Mask:
    """Mark pixels whose way there and back does not end near its start (Sundaram et al., eq. 5)."""
    returned = sample(back, flow)
    gap = ((flow + returned) ** 2).sum(-1)
    length = (flow**2).sum(-1) + (returned**2).sum(-1)
    return gap > 0.01 * length + 0.5


def sample(values: np.ndarray, flow: Flow) -> np.ndarray:
    """Read `values` (height, width[, channels]) where the flow points, linearly interpolated."""
    target = (flow + _grid(*flow.shape[:2])).astype(np.float32)
    return cv2.remap(
        values, target[..., 0], target[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def fill(image: Image, hidden: Mask, radius: float = 3.0) -> Image:
    """Paint over the marked pixels from what surrounds them."""
    if not hidden.any():
        return image
    return cv2.inpaint(image, hidden.astype(np.uint8), radius, cv2.INPAINT_TELEA)


def _gray(frame: Image, scale: float) -> Gray:
    gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    return cv2.resize(gray, None, fx=scale, fy=scale, interpolation=how)


def _grid(height: int, width: int) -> Flow:
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)
