"""What tracking a clip gives, and a folder of it: one file a clip, named by its frames' content."""

import hashlib
import json
import os
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from synclora_lite.files import write_atomic

FORMAT = "8"  # part of the name: raise it when tracking or the file changes
PER_FRAME = ("face", "pose", "found")
PER_CLIP = ("size", "people", "person", "place", "fps")


@dataclass(frozen=True)
class Track:
    """Landmarks of one clip in pixels of the frames that were given.

    x goes right, y down, and z away from the camera in the scale of x; "left" and "right" are the
    person's own. `pose` has the visibility in 0..1 as well. Where nothing was found there is NaN.
    """

    face: Float[np.ndarray, "frames 478 3"]  # 468 of the mesh, 5 of the right iris, 5 of the left
    pose: Float[np.ndarray, "frames 33 4"]
    found: Bool[np.ndarray, " frames"]  # whether a frame shows a face
    size: tuple[int, int]  # height and width of the frames
    people: int = 1  # how many the clip shows for a good part of its length
    person: int = 1  # which of them this is, counted from the left
    place: tuple[float, float] | None = None  # of several: where first seen, in parts of the frame
    fps: float | None = None  # of the file; None when the track was made from frames alone

    def __len__(self) -> int:
        return len(self.face)

    def __getitem__(self, frames: slice | Int[np.ndarray, " chosen"]) -> "Track":
        """Return the track of some frames, e.g. `track[2:19]` or `track[np.array([0, 0, 1])]`."""
        return replace(self, **{name: getattr(self, name)[frames] for name in PER_FRAME})

    @property
    def coverage(self) -> float:
        """Share of the frames that show a face."""
        return float(self.found.mean()) if len(self) else 0.0


def finder_name() -> str:
    """Return the name and version of what finds landmarks; ImportError if it is missing."""
    return f"tasks-{metadata.version('mediapipe')}"


def cache_dir() -> Path:
    """Return the folder: SYNCLORA_CACHE, or synclora-lite in the user's cache folder."""
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("SYNCLORA_CACHE") or user / "synclora-lite") / "landmarks"


def path_of(key: str, data: memoryview | bytes = b"") -> Path:
    """Return where a track is kept, by its finder, a key and the frames of its clip, if any."""
    digest = hashlib.sha256(f"{FORMAT} {finder_name()} {key}".encode())
    digest.update(data)
    name = digest.hexdigest()
    return cache_dir() / name[:2] / f"{name}.safetensors"


def save(path: Path, track: Track) -> None:
    """Keep a track; the folder appears when it is needed."""
    about = json.dumps({name: getattr(track, name) for name in PER_CLIP})
    arrays = {name: np.ascontiguousarray(getattr(track, name)) for name in PER_FRAME}
    write_atomic(path, to_safetensors(arrays, {"about": about}))


def load(path: Path) -> Track | None:
    """Read a track, or return None if it is not there or the file is damaged."""
    try:
        with safe_open(path, framework="numpy") as stream:
            about = json.loads(stream.metadata()["about"])
            for name in ("size", "place"):  # JSON knows no tuples
                about[name] = about[name] and tuple(about[name])
            return Track(**{name: stream.get_tensor(name) for name in PER_FRAME}, **about)
    except (SafetensorError, FileNotFoundError, ValueError, KeyError, TypeError):
        return None
