"""The record of shipped weights: each file's SHA-256 and the command that made it."""

from collections.abc import Iterable
from pathlib import Path

from synclora_lite.errors import ArtifactError
from synclora_lite.files import data_dir, read_json, sha256, write_json

LOCK = "artifacts.lock.json"
MAX_BYTES = 16_000_000


def models_dir() -> Path:
    """Return the folder of shipped models."""
    return data_dir() / "models"


def record(paths: Iterable[Path], *, command: str) -> Path:
    """Enter files under data/models into the lock, in place of what it said of them.

    Args:
        paths: Files inside data/models.
        command: The command that makes them again.

    Raises:
        ArtifactError: A file is larger than 16 MB, which is the most that is shipped as one file.

    """
    entries = _entries()
    for path in paths:
        size = checked_size(path)
        name = path.resolve().relative_to(models_dir().resolve()).as_posix()
        entries[name] = {"sha256": sha256(path), "bytes": size, "command": command}
    return _write_lock(entries)


def checked_size(path: Path) -> int:
    """Return a file's bytes.

    Raises:
        ArtifactError: It is larger than 16 MB, which is the most that is shipped as one file.

    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ArtifactError(f"{path.name} has {size} bytes", f"at most {MAX_BYTES}", "split it")
    return size


def drop_missing(model: str) -> Path:
    """Take out of the lock what it says of files of one model that are no longer there."""
    return _write_lock(
        {
            name: entry
            for name, entry in _entries().items()
            if not name.startswith(f"{model}/") or (models_dir() / name).exists()
        }
    )


def read_lock() -> dict[str, dict[str, str | int]]:
    """Return the lock: path below data/models -> sha256, bytes, command.

    Raises:
        ArtifactError: There is no lock, or it is not one.

    """
    content = read_json(models_dir() / LOCK)
    if not isinstance(content, dict) or not isinstance(content.get("files"), dict):
        raise ArtifactError(f"{LOCK} is not a lock", 'an object with "files"', "run git checkout")
    return dict(content["files"])


def _entries() -> dict[str, dict[str, str | int]]:
    return read_lock() if (models_dir() / LOCK).exists() else {}


def _write_lock(entries: dict[str, dict[str, str | int]]) -> Path:
    return write_json(models_dir() / LOCK, {"files": dict(sorted(entries.items()))})


def verify() -> list[str]:
    """Compare the shipped models with the lock.

    Returns:
        One sentence for each file that is missing, differs, or is not in the lock.

    """
    folder = models_dir()
    problems = []
    entries = read_lock()
    for name, entry in entries.items():
        if not (folder / name).is_file():
            problems.append(f"{name} is missing")
        elif sha256(folder / name) != entry["sha256"]:
            problems.append(f"{name} differs from the lock")
    shipped = (path.relative_to(folder).as_posix() for path in folder.rglob("*.safetensors"))
    problems += [f"{name} is not in the lock" for name in sorted(set(shipped) - set(entries))]
    return problems
