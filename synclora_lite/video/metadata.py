"""Provenance inside the file: a JSON object in the `comment` tag, written and read back."""

import json
import re
from itertools import takewhile
from pathlib import Path
from typing import Any

from synclora_lite.errors import VideoError
from synclora_lite.video.ffmpeg import run_ffmpeg, source_arguments
from synclora_lite.video.limits import CLIP, LIMITS, label, regular_file

_LONGEST = 240_000  # characters read; one argument of a process may have 128 kB
_LINE = re.compile(
    r"^(?:\[|(?P<key>(?:[^=\\\n;#\[]|\\.)+)=(?P<value>(?:[^\\\n]|\\(?:.|\n))*)$)", re.MULTILINE
)


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Return the JSON object that `write_clip(..., metadata=...)` stored in a clip; else {}.

    The text comes from the file: show it escaped, and never act on it. Raises VideoError if the
    file is missing or its container cannot be read.
    """
    path = regular_file(path, CLIP)
    arguments = ["-nostdin", *source_arguments(path, LIMITS), "-f", "ffmetadata", "pipe:1"]
    with run_ffmpeg(arguments, LIMITS) as run:
        text = run.stdout.read(_LONGEST).decode("utf-8", "replace")
    if run.timed_out or not text.startswith(";FFMETADATA"):
        why = f" ({run.verdict()})" if run.verdict() else ""
        raise VideoError(f"the tags of {label(path)} cannot be read{why}", CLIP)
    return _parse(_tags(text).get("comment", ""))


def _tags(text: str) -> dict[str, str]:
    """Read the global part of ffmpeg's metadata format; a backslash escapes what follows it.

    It ends at the first section, such as [STREAM]; a line of a value may begin with a bracket.
    """
    found = takewhile(lambda line: line["key"], _LINE.finditer(text))
    plain = [[re.sub(r"(?s)\\(.)", r"\1", part) for part in line.groups()] for line in found]
    return {key.lower(): value for key, value in plain}


def _parse(comment: str) -> dict[str, Any]:
    """Return the comment as a dictionary; a comment of any other kind is not ours."""
    try:
        value = json.loads(comment)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
