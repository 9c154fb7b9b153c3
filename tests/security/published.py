"""What no published file may hold: secrets, and places of the machine that made it."""

import re
from collections.abc import Iterable
from pathlib import Path

SECRETS = re.compile(
    r"hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16}|sk-[A-Za-z0-9]{20,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY|xox[bp]-[0-9A-Za-z-]{10,}|(?i:password|secret)\s*=\s*['\"]\w"
)
PLACES = re.compile(r"(?<![\w.~/-])/(?:home|root|Users|work|tmp|private|var/folders)/[\w.-]+")


def told_too_much(files: Iterable[Path]) -> set[str]:
    """Return "file: what it says" for each file that holds a secret or a place of the machine."""
    return {
        f"{path.name}: {hit[0]}"
        for path in files
        for pattern in (SECRETS, PLACES)
        if (hit := pattern.search(_without_media(path.read_text(errors="replace"))))
    }


def _without_media(text: str) -> str:
    """Leave out pictures and clips in base64, in which anything may turn up by chance."""
    return re.sub(r"[A-Za-z0-9+/=]{200,}", "", text)
