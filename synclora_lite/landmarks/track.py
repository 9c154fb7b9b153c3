"""Track one clip: enlarge small frames, run MediaPipe, keep the result."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

import synclora_lite.landmarks.cache as landmark_cache
from synclora_lite.errors import LandmarkError
from synclora_lite.files import sha256
from synclora_lite.landmarks.bundle import finder_name
from synclora_lite.landmarks.people import Place, alone, choose, find_people
from synclora_lite.landmarks.types import Track
from synclora_lite.video import Box, read_clip

SHORT_SIDE = 384  # pixels; MediaPipe's models see 192 of them in a face and 256 in a body


def track(
    frames: UInt8[np.ndarray, "frames height width 3"],
    *,
    person: int | Place | None = None,
    cache: bool = True,
) -> Track:
    """Find the face and body in every frame of a clip.

    The same frames give the same landmarks, whatever was tracked before.

    Args:
        frames: The clip, RGB; small frames are enlarged (cubic) before detection.
        person: Of several people the one with this number from the left, or nearest to this place
            (x and y in parts of the frame); None is the one with the largest face.
        cache: Keep the result under the hash of the frames, and look there first.

    Returns:
        Landmarks in pixels of `frames`, NaN where nothing was found.

    Raises:
        LandmarkError: `frames` is no RGB clip, there is no such person, or mediapipe or its models
            are not there.

    """
    frames = _checked(frames)
    if not cache:
        return _run(frames, person)
    path = landmark_cache.path_of(frames, _key(person))
    kept = landmark_cache.load(path)
    if kept is None:
        kept = _run(frames, person)
        landmark_cache.save(path, kept)
    return kept


def track_file(
    path: str | Path,
    *,
    crop: Box | None = None,
    person: int | Place | None = None,
    cache: bool = True,
) -> Track:
    """Track a video file; when its landmarks are kept, it is not even decoded.

    Args:
        path: The file; its content is the key of the cache, not its name.
        crop: Track (x0, y0, x1, y1) of every frame only.
        person: As for `track`.
        cache: As for `track`.

    Raises:
        VideoError: The file cannot be read.
        LandmarkError: mediapipe or its models are not there.

    """
    if not (cache and Path(path).is_file()):
        return _run_file(path, crop, person)
    kept_at = landmark_cache.path_of_file(sha256(path), crop, _key(person))
    kept = landmark_cache.load(kept_at)
    if kept is None:
        kept = _run_file(path, crop, person)
        landmark_cache.save(kept_at, kept)
    return kept


def place_of(
    frames: UInt8[np.ndarray, "frames height width 3"], person: int | None = None
) -> tuple[Place | None, int]:
    """Return where one of several people is first seen, and in which frame; None of a single one.

    Raises:
        LandmarkError: There is no such person, or mediapipe or its models are not there.

    """
    from synclora_lite.landmarks.tasks import faces

    people = find_people(frames, faces)
    number = choose(people, person) if people or person else 0
    if len(people) < 2:
        return None, 0
    chosen = people[number]
    return chosen.place, int(np.flatnonzero(~np.isnan(chosen.boxes[:, 0]))[0])


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


def _key(person: int | Place | None) -> str:
    return finder_name() if person is None else f"{finder_name()} {person}"


def _run_file(path: str | Path, crop: Box | None, person: int | Place | None) -> Track:
    clip = read_clip(path, crop=crop)
    return replace(_run(clip.frames, person), fps=clip.fps)


def _run(frames: UInt8[np.ndarray, "frames height width 3"], person: int | Place | None) -> Track:
    from synclora_lite.landmarks.tasks import faces, find

    people, part, corner = find_people(frames, faces), frames, (0, 0)
    number = choose(people, person) if people or isinstance(person, int) else 0
    if len(people) > 1:
        part, corner = alone(frames, people, number)
    face, pose = find(enlarge(part))
    height, width = part.shape[1:3]
    scale, origin = np.array([width, height, width], np.float32), np.array([*corner, 0], np.float32)
    pose = np.concatenate([pose[..., :3] * scale + origin, pose[..., 3:]], axis=-1)
    return Track(
        face * scale + origin,
        pose,
        ~np.isnan(face[:, 0, 0]),
        finder_name(),
        (frames.shape[1], frames.shape[2]),
        change(frames),
        people=max(1, len(people)),
        person=number + 1,
        place=people[number].place if len(people) > 1 else None,
    )


def change(frames: UInt8[np.ndarray, "frames height width 3"]) -> Float[np.ndarray, " frames"]:
    """Mean absolute difference of each frame to the one before, see `Track.change`."""
    height = max(1, round(64 * frames.shape[1] / frames.shape[2]))
    small = [cv2.resize(frame, (64, height), interpolation=cv2.INTER_AREA) for frame in frames]
    grey = np.stack(small).astype(np.float32).mean(-1) / 255
    steps = np.abs(np.diff(grey, axis=0)).mean((1, 2))
    return np.concatenate([[0.0], steps]).astype(np.float32)
