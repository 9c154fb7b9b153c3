"""Track one clip: enlarge small frames, run MediaPipe, keep the result."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from synclora_lite.errors import LandmarkError
from synclora_lite.files import sha256
from synclora_lite.landmarks import cache as landmark_cache
from synclora_lite.landmarks.bundle import finder_name
from synclora_lite.landmarks.types import Track
from synclora_lite.video import Box, read_clip

SHORT_SIDE = 384  # pixels; MediaPipe's models see 192 of them in a face and 256 in a body


def track(
    frames: UInt8[np.ndarray, "frames height width 3"],
    *,
    cache: bool = True,
) -> Track:
    """Find the face and body in every frame of a clip.

    The same frames give the same landmarks, whatever was tracked before.

    Args:
        frames: The clip, RGB; small frames are enlarged (cubic) before detection.
        cache: Keep the result under the hash of the frames, and look there first.

    Returns:
        Landmarks in pixels of `frames`, NaN where nothing was found.

    Raises:
        LandmarkError: `frames` is no RGB clip, or mediapipe or its models are not there.

    """
    frames = _checked(frames)
    if not cache:
        return _run(frames)
    path = landmark_cache.path_of(frames, finder_name())
    kept = landmark_cache.load(path)
    if kept is None:
        kept = _run(frames)
        landmark_cache.save(path, kept)
    return kept


def track_file(
    path: str | Path,
    *,
    crop: Box | None = None,
    cache: bool = True,
) -> Track:
    """Track a video file; when its landmarks are kept, it is not even decoded.

    Args:
        path: The file; its content is the key of the cache, not its name.
        crop: Track (x0, y0, x1, y1) of every frame only.
        cache: As for `track`.

    Raises:
        VideoError: The file cannot be read.
        LandmarkError: mediapipe or its models are not there.

    """
    if not (cache and Path(path).is_file()):
        return _run_file(path, crop)
    kept_at = landmark_cache.path_of_file(sha256(path), crop, finder_name())
    kept = landmark_cache.load(kept_at)
    if kept is None:
        kept = _run_file(path, crop)
        landmark_cache.save(kept_at, kept)
    return kept


def enlarge(
    frames: UInt8[np.ndarray, "frames height width 3"], short_side: int = SHORT_SIDE
) -> UInt8[np.ndarray, "frames height_large width_large 3"]:
    """Scale frames up (cubic, by a whole factor) until the short side has `short_side` pixels."""
    factor = -(-short_side // min(frames.shape[1:3]))
    if factor <= 1:
        return frames
    size = (frames.shape[2] * factor, frames.shape[1] * factor)
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC) for frame in frames])


def _checked(frames: np.ndarray) -> np.ndarray:
    frames = np.asarray(frames)
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
        raise LandmarkError(
            f"frames of shape {frames.shape} and type {frames.dtype}",
            "uint8 RGB frames of shape (frames, height, width, 3)",
        )
    if 0 in frames.shape:
        raise LandmarkError("a clip without frames", "at least one frame")
    return np.ascontiguousarray(frames)


def _run_file(path: str | Path, crop: Box | None) -> Track:
    clip = read_clip(path, crop=crop)
    return replace(_run(clip.frames), fps=clip.fps)


def _run(frames: UInt8[np.ndarray, "frames height width 3"]) -> Track:
    from synclora_lite.landmarks.tasks import find

    face, pose = find(enlarge(frames))
    height, width = frames.shape[1:3]
    scale = np.array([width, height, width], np.float32)
    pose = np.concatenate([pose[..., :3] * scale, pose[..., 3:]], axis=-1)
    found = ~np.isnan(face[:, 0, 0])
    return Track(face * scale, pose, found, finder_name(), (height, width), change(frames))


def change(frames: UInt8[np.ndarray, "frames height width 3"]) -> Float[np.ndarray, " frames"]:
    """Mean absolute difference of each frame to the one before, see `Track.change`."""
    height = max(1, round(64 * frames.shape[1] / frames.shape[2]))
    small = [cv2.resize(frame, (64, height), interpolation=cv2.INTER_AREA) for frame in frames]
    grey = np.stack(small).astype(np.float32).mean(-1) / 255
    steps = np.abs(np.diff(grey, axis=0)).mean((1, 2))
    return np.concatenate([[0.0], steps]).astype(np.float32)
