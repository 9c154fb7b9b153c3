"""Files that are whole or absent: atomic writes, checksums, and JSON."""

import codecs
import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synclora_lite.errors import ArtifactError

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}(\.\w+)?")  # the names that `atomic_path` gives
PROJECT = Path(__file__).resolve().parents[1]


def data_dir() -> Path:
    """Return the folder of shipped clips, models and results; ArtifactError if there is none.

    SYNCLORA_DATA wins; then `data/` beside the package; then the copy inside an installed one.
    """
    override = os.environ.get("SYNCLORA_DATA")
    installed = [PROJECT / "data", Path(__file__).parent / "data"]
    candidates = [Path(override)] if override else installed
    for folder in filter(Path.is_dir, candidates):
        return folder
    advice = "install from a full checkout or set SYNCLORA_DATA to its data folder"
    raise ArtifactError(f"no data folder at {candidates[0]}", "that of the project", advice)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a path of the same suffix beside `path`, to which it is renamed if all goes well."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(folder: str | Path) -> None:
    """Remove the temporary files that a killed process left at any depth below a folder."""
    for path in Path(folder).rglob(".*"):
        if _TEMPORARY.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


def write_atomic(path: str | Path, content: bytes | str) -> Path:
    """Write `content` to `path` as one step: readers see the old file or the new one, no part."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    return Path(path)


def copy_atomic(source: str | Path, path: str | Path) -> None:
    """Copy a file of any size to `path` as one step."""
    with atomic_path(path) as temporary:
        shutil.copyfile(source, temporary)


def sha256(path: str | Path) -> str:
    """Return the hexadecimal SHA-256 of a file, read in pieces."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_json(path: str | Path) -> Any:
    """Read a JSON file; ArtifactError if it is missing or is not JSON in UTF-8."""
    try:
        return json.loads(Path(path).read_text("utf-8"))
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} does not exist", "a JSON file") from error
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path} is not JSON ({error})", "a JSON file") from error


def write_json(path: str | Path, value: Any) -> Path:
    """Write `value` as indented JSON, atomically."""
    return write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def append_jsonl(path: str | Path, row: Mapping[str, Any]) -> None:
    """Add a line to a JSON-lines file, flushed to disk; an unfinished last line is dropped."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as stream:
        if stream.tell():
            stream.seek(-1, os.SEEK_END)
            if stream.read() != b"\n":
                stream.seek(0)
                content = stream.read()
                last = content.rfind(b"\n") + 1
                try:  # some editors write no last line break
                    json.loads(content[last:])
                    stream.write(b"\n")
                except ValueError:
                    stream.truncate(last)
        stream.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        stream.flush()
        os.fsync(stream.fileno())


def read_jsonl(path: str | Path) -> list[dict[str, Any]]:
    """Read a JSON-lines file, if it exists; a last line cut short by a crash is left out.

    Raises ArtifactError if any other line is not JSON in UTF-8, or UTF-16 with its mark.
    """
    rows, content = [], as_utf8(Path(path).read_bytes()) if Path(path).exists() else b""
    *lines, last = content.split(b"\n")  # text may hold other line breaks, as U+2028
    for number, line in enumerate([*lines, last] if last else lines, start=1):
        try:
            row = json.loads(line.decode())
        except (ValueError, RecursionError) as error:
            if number > len(lines):
                break
            raise ArtifactError(f"{path}, line {number} is not JSON", "JSON lines") from error
        if not isinstance(row, dict):
            raise ArtifactError(f"{path}, line {number} is no JSON object", "one on each line")
        rows.append(row)
    return rows


def as_utf8(content: bytes) -> bytes:
    """Return text without a byte order mark; PowerShell writes UTF-16."""
    if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return content.decode("utf-16", "replace").encode()
    return content.removeprefix(codecs.BOM_UTF8)
