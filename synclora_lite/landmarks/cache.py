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
    override = os.environ.get("SYNCLORA_CACHE")
    if override:
        return Path(override) / "landmarks"
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "synclora-lite" / "landmarks"


def path_of(frames: UInt8[np.ndarray, "frames height width 3"], backend: str) -> Path:
    """Return where the landmarks of these frames, found by this finder, are kept."""
    digest = hashlib.sha256(f"{FORMAT} {backend} {frames.shape}".encode())
    digest.update(np.ascontiguousarray(frames).data)
    return _place(digest.hexdigest())


def path_of_file(content: str, crop: tuple[int, ...] | None, backend: str) -> Path:
    """Return where the landmarks of a video file with this SHA-256 are kept."""
    digest = hashlib.sha256(f"{FORMAT} {backend} {content} {crop}".encode())
    return _place(digest.hexdigest())


def _place(name: str) -> Path:
    return cache_dir() / name[:2] / f"{name}.safetensors"


def save_track(track: Track) -> bytes:
    """Return the track as the content of a safetensors file."""
    tensors = {"face": track.face, "pose": track.pose, "found": track.found, "change": track.change}
    height, width = track.size
    notes = {"backend": track.backend, "height": str(height), "width": str(width)}
    notes |= {"people": str(track.people), "person": str(track.person)}
    if track.fps is not None:
        notes["fps"] = repr(track.fps)
    if track.place is not None:
        notes |= {"place_x": repr(track.place[0]), "place_y": repr(track.place[1])}
    return to_safetensors({name: np.ascontiguousarray(t) for name, t in tensors.items()}, notes)


def save(path: Path, track: Track) -> None:
    """Keep a track; the folder appears when it is needed."""
    write_atomic(path, save_track(track))


def load(path: Path) -> Track | None:
    """Read a track, or return None if it is not there or the file is damaged."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="numpy") as stream:
            notes = stream.metadata()
            names = list(stream.keys())
            tensors = {name: stream.get_tensor(name) for name in names}
    except (SafetensorError, FileNotFoundError):
        return None
    size = (int(notes["height"]), int(notes["width"]))
    return Track(
        tensors["face"],
        tensors["pose"],
        tensors["found"],
        notes["backend"],
        size,
        tensors["change"],
        float(notes["fps"]) if "fps" in notes else None,
        int(notes["people"]),
        int(notes["person"]),
        (float(notes["place_x"]), float(notes["place_y"])) if "place_x" in notes else None,
    )
