"""A folder of landmarks, one file for each clip, named by the content of its frames.

Safetensors files, written whole or not at all, so that several processes may share the folder.
"""

import hashlib
import os
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from synclora_lite.files import write_atomic
from synclora_lite.landmarks.types import Track

FORMAT = "6"  # part of the name: raise it when tracking itself changes


def cache_dir() -> Path:
    """Return the folder: SYNCLORA_CACHE, or synclora-lite in the user's cache folder."""
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("SYNCLORA_CACHE") or user / "synclora-lite") / "landmarks"


def path_of(frames: UInt8[np.ndarray, "frames height width 3"], backend: str) -> Path:
    """Return where the landmarks of these frames, found by this finder, are kept."""
    return _place(f"{backend} {frames.shape}", np.ascontiguousarray(frames).data)


def path_of_file(content: str, crop: tuple[int, ...] | None, backend: str) -> Path:
    """Return where the landmarks of a video file with this SHA-256 are kept."""
    return _place(f"{backend} {content} {crop}")


def _place(key: str, data: memoryview | bytes = b"") -> Path:
    digest = hashlib.sha256(f"{FORMAT} {key}".encode())
    digest.update(data)
    name = digest.hexdigest()
    return cache_dir() / name[:2] / f"{name}.safetensors"


def save(path: Path, track: Track) -> None:
    """Keep a track; the folder appears when it is needed."""
    tensors = {name: getattr(track, name) for name in ("face", "pose", "found", "change")}
    height, width = track.size
    notes = {"backend": track.backend, "height": str(height), "width": str(width)}
    notes |= {"people": str(track.people), "person": str(track.person)}
    if track.fps is not None:
        notes["fps"] = repr(track.fps)
    if track.place is not None:
        notes |= {"place_x": repr(track.place[0]), "place_y": repr(track.place[1])}
    arrays = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    write_atomic(path, to_safetensors(arrays, notes))


def load(path: Path) -> Track | None:
    """Read a track, or return None if it is not there or the file is damaged."""
    try:
        with safe_open(path, framework="numpy") as stream:
            notes = stream.metadata()
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (SafetensorError, FileNotFoundError):
        return None
    return Track(
        **tensors,
        backend=notes["backend"],
        size=(int(notes["height"]), int(notes["width"])),
        fps=float(notes["fps"]) if "fps" in notes else None,
        people=int(notes["people"]),
        person=int(notes["person"]),
        place=(float(notes["place_x"]), float(notes["place_y"])) if "place_x" in notes else None,
    )
