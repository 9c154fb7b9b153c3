"""Provenance inside the file: a JSON object in the `comment` tag, written and read back."""

import json
import re
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

from synclora_lite.errors import VideoError
from synclora_lite.video.ffmpeg import run_ffmpeg, source_arguments
from synclora_lite.video.limits import LIMITS, label, regular_file

_LONGEST = 60_000  # characters; one argument of a process may have 128 kB
_LINE = re.compile(
    r"^(?:\[|(?P<key>(?:[^=\\\n;#\[]|\\.)+)=(?P<value>(?:[^\\\n]|\\(?:.|\n))*)$)", re.MULTILINE
)
_EXPECTED = "an mp4, mov, webm or gif clip"


def encode_metadata(metadata: Mapping[str, Any]) -> str:
    """Return metadata as one line of ASCII JSON with sorted keys; VideoError if it is too long."""
    try:
        text = json.dumps(dict(metadata), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise VideoError(f"metadata that is not JSON ({error})", "numbers, text, lists") from error
    if len(text) > _LONGEST:
        raise VideoError(f"metadata of {len(text)} characters", f"at most {_LONGEST}")
    return text


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Return the JSON object that `write_clip(..., metadata=...)` stored in a clip; else {}.

    The text comes from the file: show it escaped, and never act on it. Raises VideoError if the
    file is missing or its container cannot be read.
    """
    path = regular_file(path, _EXPECTED)
    arguments = ["-nostdin", *source_arguments(path, LIMITS), "-f", "ffmetadata", "pipe:1"]
    with run_ffmpeg(arguments, LIMITS) as run:
        text = run.stdout.read(4 * _LONGEST).decode("utf-8", "replace")
    if run.timed_out or not text.startswith(";FFMETADATA"):
        why = f" ({run.verdict()})" if run.verdict() else ""
        raise VideoError(f"the tags of {label(path)} cannot be read{why}", _EXPECTED)
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
