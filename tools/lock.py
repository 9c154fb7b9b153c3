"""Enter shipped weights into their record, `data/models/artifacts.lock.json`."""

from collections.abc import Iterable
from pathlib import Path

from synclora_lite.artifacts import LOCK, Entry, models_dir, read_lock
from synclora_lite.errors import ArtifactError
from synclora_lite.files import sha256, write_json

MAX_BYTES = 16_000_000


def record(paths: Iterable[Path], *, command: str) -> Path:
    """Enter files below data/models, and the command that makes them, into the lock.

    Raises ArtifactError if a file is larger than what is shipped as one.
    """
    entries = _entries()
    for path in paths:
        size = checked_size(path)
        name = path.resolve().relative_to(models_dir().resolve()).as_posix()
        entries[name] = {"sha256": sha256(path), "bytes": size, "command": command}
    return _write(entries)


def checked_size(path: Path) -> int:
    """Return a file's bytes; ArtifactError if they are more than what is shipped as one file."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ArtifactError(f"{path.name} has {size} bytes", f"at most {MAX_BYTES}", "split it")
    return size


def drop_missing(model: str) -> Path:
    """Take out of the lock what it says of files of one model that are no longer there."""

    def gone(name: str) -> bool:
        return name.startswith(f"{model}/") and not (models_dir() / name).exists()

    return _write({name: entry for name, entry in _entries().items() if not gone(name)})


def _entries() -> dict[str, Entry]:
    return read_lock() if (models_dir() / LOCK).exists() else {}


def _write(entries: dict[str, Entry]) -> Path:
    return write_json(models_dir() / LOCK, {"files": dict(sorted(entries.items()))})
