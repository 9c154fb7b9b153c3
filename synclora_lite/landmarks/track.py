"""Track one clip: enlarge small frames, run MediaPipe, keep the result."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from synclora_lite.files import sha256
from synclora_lite.landmarks.cache import Track, load, path_of, save
from synclora_lite.landmarks.people import Place, alone, choose, find_people
from synclora_lite.video import read_clip
from synclora_lite.video.clip import Frames, check_frames

SHORT_SIDE = 384  # pixels; MediaPipe's models see 192 of them in a face and 256 in a body


def track(frames: Frames, *, person: int | Place | None = None, cache: bool = True) -> Track:
    """Find the face and body in every frame of a clip; with `cache` the result is kept.

    Of several people `person` is the one with this number from the left, or nearest to this place
    (x and y in parts of the frame); None is the one with the largest face. Raises VideoError if
    `frames` is no RGB clip, LandmarkError if there is no such person, or the models are not there.
    """
    check_frames(frames)
    path = path_of(f"{person} {frames.shape}", np.ascontiguousarray(frames).data) if cache else None
    return _kept(path, lambda: _run(frames, person))


def track_file(path: str | Path, *, person: int | Place | None = None) -> Track:
    """Track a video file, decoded only if need be; raises as `track` and `read_clip` do."""

    def run() -> Track:
        clip = read_clip(path)
        return replace(_run(clip.frames, person), fps=clip.fps)

    return _kept(path_of(f"{person} {sha256(path)}") if Path(path).is_file() else None, run)


def place_of(frames: Frames, person: int | None = None) -> tuple[Place | None, int]:
    """Return where, and in which frame, one of several people is first seen; raises as `track`."""
    from synclora_lite.landmarks.tasks import faces

    people = find_people(frames, faces)
    number = choose(people, person)
    if len(people) < 2:
        return None, 0
    return people[number].place, int(people[number].seen[0])


def enlarge(frames: Frames) -> UInt8[np.ndarray, "frames height_large width_large 3"]:
    """Scale frames up (cubic, by a whole factor) until the short side has `SHORT_SIDE` pixels."""
    factor = -(-SHORT_SIDE // min(frames.shape[1:3]))
    if factor <= 1:
        return frames
    size = (frames.shape[2] * factor, frames.shape[1] * factor)
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC) for frame in frames])


def _kept(path: Path | None, run: Callable[[], Track]) -> Track:
    """Return what is kept at a path; if there is nothing, run and keep it."""
    kept = load(path) if path else None
    if kept is None:
        kept = run()
        if path:
            save(path, kept)
    return kept


def _run(frames: Frames, person: int | Place | None) -> Track:
    from synclora_lite.landmarks.tasks import faces, find

    people, part, corner, place = find_people(frames, faces), frames, (0, 0), None
    number = choose(people, person)
    if len(people) > 1:
        part, corner = alone(frames, people, number)
        place = people[number].place
    face, pose = find(enlarge(part))
    height, width = part.shape[1:3]
    scale, origin = np.array([width, height, width], np.float32), np.array([*corner, 0], np.float32)
    return Track(
        face=face * scale + origin,
        pose=np.concatenate([pose[..., :3] * scale + origin, pose[..., 3:]], axis=-1),
        found=~np.isnan(face[:, 0, 0]),
        size=(frames.shape[1], frames.shape[2]),
        people=max(1, len(people)),
        person=number + 1,
        place=place,
    )
