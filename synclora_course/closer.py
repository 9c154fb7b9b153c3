"""Looking closer: where an output differs from the truth, and eyes and mouth by themselves."""

import numpy as np
from jaxtyping import Float, UInt8

from synclora_lite.errors import VideoError

Frames = UInt8[np.ndarray, "_ _ _ 3"]
EYES, MOUTH = (33, 263), (61, 291)  # outer corners of the eyes, corners of the mouth


def difference_view(output: Frames, truth: Frames, gain: float | int = 3.0) -> Frames:
    """Return output minus truth as pictures: grey where they agree, darker or brighter elsewhere.

    Args:
        output: RGB frames.
        truth: The same clip as it should be; the shorter of the two sets the length.
        gain: By how much the differences are enlarged.

    """
    length = min(len(output), len(truth))
    gap = output[:length].astype(np.float32) - truth[:length]
    return np.clip(128 + gain * gap, 0, 255).astype(np.uint8)


def loupe(frames: Frames, face: Float[np.ndarray, "_ 478 3"]) -> Frames:
    """Cut eyes and mouth out of a clip, the eyes above the mouth; players and strips enlarge them.

    Both boxes stand still, so that movement shows, and hold all places of the face in the clip.

    Args:
        frames: RGB frames.
        face: The source's face points in pixels, NaN where no face was found; the same points for
            every clip that is compared with it, so that all of them are cut at the same places.

    Raises:
        VideoError: No frame has a face.

    """
    pairs = face[:, (EYES, MOUTH), :2]  # (frames, eyes or mouth, right or left, x or y)
    pairs = pairs[np.isfinite(pairs).all((1, 2, 3))]
    if not len(pairs):
        raise VideoError("no face in the clip", "points of a face in some frame")
    low, high = pairs.min((0, 2)), pairs.max((0, 2))  # (eyes or mouth, x or y)
    width = np.linalg.norm(pairs[:, 0, 1] - pairs[:, 0, 0], axis=-1).max()  # between the eyes
    half = np.ceil(((high - low) / 2).max(0) + width * np.array([0.25, 0.17])).astype(int)
    parts, gap = [], np.full((len(frames), 1, 2 * half[0], 3), 255, np.uint8)
    for x, y in ((low + high) / 2).round().astype(int):
        rows = np.clip(np.arange(y - half[1], y + half[1]), 0, frames.shape[1] - 1)
        columns = np.clip(np.arange(x - half[0], x + half[0]), 0, frames.shape[2] - 1)
        parts += [frames[:, rows[:, None], columns], gap]
    return np.concatenate(parts[:-1], axis=1)
