"""An explorer: a fragment of HTML that works in a notebook and in a static page."""

import base64
import html
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from synclora_lite.files import write_atomic

TEMPLATES = Path(__file__).parent


@dataclass(frozen=True)
class Explorer:
    """Interactive HTML; `alt` says in words what can be seen and done."""

    html: str
    alt: str

    def _repr_html_(self) -> str:
        return self.html

    def save(self, path: str | Path) -> Path:
        """Write a page that holds the explorer and nothing else."""
        head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Explorer</title>'
        return write_atomic(path, head + self.html)


def jpeg_text(pixels: np.ndarray, quality: int) -> str:
    """Return a picture, (height, width, 3), as a JPEG in base64."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="jpeg", quality=quality, optimize=True)
    return base64.b64encode(stream.getvalue()).decode()


def fill(template: str, alt: str, data: Any, values: Mapping[str, str | int]) -> Explorer:
    """Put values in the @NAMES@ of a template, and data as JSON for its script.

    Args:
        template: Name of the file beside this module.
        alt: What is seen, put in @ALT@.
        data: Anything JSON can hold, put in @DATA@.
        values: HTML by name.

    """
    safe = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    everything = {"ALT": html.escape(alt), "DATA": safe, **values}
    text = (TEMPLATES / template).read_text("utf-8")
    return Explorer(re.sub("@([A-Z]+)@", lambda match: str(everything[match[1]]), text), alt)
