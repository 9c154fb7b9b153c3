"""MediaPipe's `face_landmarker.task`: found on disk or downloaded once, and always verified."""

import hashlib
import os
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from synclora_lite.errors import LandmarkError
from synclora_lite.files import sha256, write_atomic
from synclora_lite.landmarks.cache import cache_dir

URL = (
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
    "face_landmarker.task"
)
SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
BYTES = 3_758_596
VARIABLE = "SYNCLORA_FACE_LANDMARKER"
TIMEOUT = 30.0  # seconds


def find_bundle(path: str | Path | None = None) -> Path:
    """Return the path of a verified bundle.

    Looks at `path`, then at the variable SYNCLORA_FACE_LANDMARKER, then for an earlier download;
    only then it downloads (3.8 MB, Apache-2.0).

    Raises:
        LandmarkError: The file is missing or is not the published one, or the download failed.

    """
    given = path or os.environ.get(VARIABLE)
    if given:
        return _verified(Path(given))
    kept = cache_dir().parent / "models" / "face_landmarker.task"
    if not kept.exists() or sha256(kept) != SHA256:
        write_atomic(kept, download(URL, BYTES, SHA256))
    return kept


def download(url: str, size: int, digest: str) -> bytes:
    """Fetch a file: https only, no more than its published size, and only with its SHA-256."""
    _check_https(url)
    try:
        with opener.open(url, timeout=TIMEOUT) as answer:
            content: bytes = answer.read(size + 1)
    except (URLError, TimeoutError, ConnectionError) as error:
        raise LandmarkError(
            f"MediaPipe's face_landmarker.task could not be downloaded ({error})",
            "a connection, or the file on disk",
            f"fetch {url} elsewhere and set {VARIABLE} to its path",
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise LandmarkError(
            f"the file at {url} has SHA-256 {found[:12]}...", f"{digest[:12]}...", "do not use it"
        )
    return content


class _HttpsOnly(HTTPRedirectHandler):
    """Follows no redirection that leaves https."""

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        """Check where an answer sends us."""
        _check_https(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


opener = build_opener(_HttpsOnly)


def _check_https(url: str) -> None:
    if not url.startswith("https://"):
        raise LandmarkError(f"{url} is not https", "an https address")


def _verified(path: Path) -> Path:
    if not path.is_file():
        raise LandmarkError(f"no landmark bundle at {path}", "MediaPipe's face_landmarker.task")
    found = sha256(path)
    if found != SHA256:
        raise LandmarkError(
            f"{path} has SHA-256 {found[:12]}...",
            f"MediaPipe's face_landmarker.task ({SHA256[:12]}...)",
            f"download it again from {URL}",
        )
    return path
