"""The record of shipped weights: each file's SHA-256 and the command that made it."""

import hashlib
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from synclora_lite import REPOSITORY, TAG
from synclora_lite.errors import ArtifactError
from synclora_lite.files import data_dir, read_json, sha256, write_atomic

LOCK = "artifacts.lock.json"
ADDRESS = f"{REPOSITORY.replace('github.com', 'raw.githubusercontent.com')}/{TAG}/data/models"
TIMEOUT = 30.0  # seconds
Entry = dict[str, str | int]  # sha256, bytes and command of one file


def models_dir() -> Path:
    """Return the folder of shipped models."""
    return data_dir() / "models"


def shipped(name: str | Path) -> Path:
    """Return the folder of a model that comes with the project, whether or not there is one.

    An archive leaves the weights out: they are fetched when first needed, or ArtifactError.
    """
    folder = models_dir() / str(name)
    if folder.is_dir() and not any(folder.rglob("*.safetensors")):
        for path, entry in (read_lock() if (models_dir() / LOCK).exists() else {}).items():
            if path.startswith(f"{name}/") and path.endswith(".safetensors"):
                content = download(f"{ADDRESS}/{path}", int(entry["bytes"]), str(entry["sha256"]))
                write_atomic(models_dir() / path, content)
    return folder


def download(url: str, size: int, digest: str) -> bytes:
    """Fetch a file: https only, of its published size, with its SHA-256; else ArtifactError."""
    _check_https(url)
    try:
        with opener.open(url, timeout=TIMEOUT) as answer:
            content: bytes = answer.read(size + 1)
    except (URLError, TimeoutError, ConnectionError) as error:
        what, expected = f"{url} could not be downloaded ({error})", "a connection, or the weights"
        advice = "clone the repository and set SYNCLORA_DATA to its data folder"
        raise ArtifactError(what, expected, advice) from error
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        what = f"the file at {url} has SHA-256 {found[:12]}..."
        raise ArtifactError(what, f"{digest[:12]}...", "do not use it")
    return content


class _HttpsOnly(HTTPRedirectHandler):
    """Follows no redirection that leaves https."""

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        _check_https(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


opener = build_opener(_HttpsOnly)


def _check_https(url: str) -> None:
    if not url.startswith("https://"):
        raise ArtifactError(f"{url} is not https", "an https address")


def read_lock() -> dict[str, Entry]:
    """Return the lock: path below data/models -> sha256, bytes, command; else ArtifactError."""
    content = read_json(models_dir() / LOCK)
    if not isinstance(content, dict) or not isinstance(content.get("files"), dict):
        raise ArtifactError(f"{LOCK} is not a lock", 'an object with "files"', "run git checkout")
    return dict(content["files"])


def verify() -> list[str]:
    """Return a sentence for each shipped file that is missing, differs, or is not in the lock."""
    folder, entries, problems = models_dir(), read_lock(), []
    for name, entry in entries.items():
        if not (folder / name).is_file():
            problems.append(f"{name} is missing")
        elif sha256(folder / name) != entry["sha256"]:
            problems.append(f"{name} differs from the lock")
    weights = {path.relative_to(folder).as_posix() for path in folder.rglob("*.safetensors")}
    return problems + [f"{name} is not in the lock" for name in sorted(weights - set(entries))]
