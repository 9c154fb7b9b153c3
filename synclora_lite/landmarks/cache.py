"""What tracking a clip gives, and a folder of it: one file a clip, named by its frames' content.

Safetensors files, written whole or not at all, so that several processes may share the folder.
"""

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from synclora_lite.files import write_atomic

FORMAT = "6"  # part of the name: raise it when tracking itself changes
PER_FRAME = ("face", "pose", "found", "change")


@dataclass(frozen=True)
class Track:
    """Landmarks of one clip in pixels of the frames that were given.

    x goes right, y down, and z away from the camera in the scale of x; "left" and "right" are the
    person's own. `pose` has the visibility in 0..1 as well. Where nothing was found there is NaN.
    """

    face: Float[np.ndarray, "frames 478 3"]  # 468 of the mesh, 5 of the right iris, 5 of the left
    pose: Float[np.ndarray, "frames 33 4"]
    found: Bool[np.ndarray, " frames"]  # whether a frame shows a face
    backend: str  # name and version of what found them, e.g. "tasks-1.2.3"
    size: tuple[int, int]  # height and width of the frames
    change: Float[np.ndarray, " frames"]  # mean difference to the frame before, in grey of 0..1
    people: int = 1  # how many the clip shows for a good part of its length
    person: int = 1  # which of them this is, counted from the left
    place: tuple[float, float] | None = None  # of several: where first seen, in parts of the frame
    fps: float | None = None  # of the file; None when the track was made from frames alone

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.face)

    def __getitem__(self, frames: slice | Int[np.ndarray, " chosen"]) -> "Track":
        """Return the track of some frames, e.g. `track[2:19]` or `track[np.array([0, 0, 1])]`."""
        return replace(self, **{name: getattr(self, name)[frames] for name in PER_FRAME})

    @property
    def coverage(self) -> float:
        """Share of the frames that show a face."""
        return float(self.found.mean()) if len(self) else 0.0


def cache_dir() -> Path:
    """Return the folder: SYNCLORA_CACHE, or synclora-lite in the user's cache folder."""
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("SYNCLORA_CACHE") or user / "synclora-lite") / "landmarks"


def path_of(key: str, data: memoryview | bytes = b"") -> Path:
    """Return where a track is kept, by its finder and clip: `data` are the clip's frames."""
    digest = hashlib.sha256(f"{FORMAT} {key}".encode())
    digest.update(data)
    name = digest.hexdigest()
    return cache_dir() / name[:2] / f"{name}.safetensors"


def save(path: Path, track: Track) -> None:
    """Keep a track; the folder appears when it is needed."""
    height, width = track.size
    notes = {"backend": track.backend, "height": str(height), "width": str(width)}
    notes |= {"people": str(track.people), "person": str(track.person)}
    if track.fps is not None:
        notes["fps"] = repr(track.fps)
    if track.place is not None:
        notes |= {"place_x": repr(track.place[0]), "place_y": repr(track.place[1])}
    arrays = {name: np.ascontiguousarray(getattr(track, name)) for name in PER_FRAME}
    write_atomic(path, to_safetensors(arrays, notes))


def load(path: Path) -> Track | None:
    """Read a track, or return None if it is not there or the file is damaged."""
    try:
        with safe_open(path, framework="numpy") as stream:
            notes = stream.metadata()
            tensors = {name: stream.get_tensor(name) for name in PER_FRAME}
    except (SafetensorError, FileNotFoundError):
        return None
    place = (float(notes["place_x"]), float(notes["place_y"])) if "place_x" in notes else None
    return Track(
        **tensors,
        backend=notes["backend"],
        size=(int(notes["height"]), int(notes["width"])),
        people=int(notes["people"]),
        person=int(notes["person"]),
        place=place,
        fps=float(notes["fps"]) if "fps" in notes else None,
    )
