"""Frames of several clips, side by side, one clip per row."""

import base64
import html
import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from synclora_lite.errors import VideoError
from synclora_lite.files import write_atomic
from synclora_lite.video.geometry import resize_picture

Frames = UInt8[np.ndarray, "_ _ _ 3"]
_INK, _PAPER, _GAP = (34, 34, 34), (255, 255, 255), 3


@dataclass(frozen=True)
class Picture:
    """A PNG with the words that stand for it when it cannot be seen."""

    png: bytes
    alt: str
    plot: bool = False  # curves on white paper, no pixels: a dark page may turn it dark

    @classmethod
    def from_figure(cls, figure: Figure, alt: str) -> "Picture":
        """Rasterise a matplotlib figure."""
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=110)
        return cls(stream.getvalue(), alt, plot=not any(axes.images for axes in figure.axes))

    @classmethod
    def from_pixels(cls, pixels: UInt8[np.ndarray, "height width 3"], alt: str) -> "Picture":
        """Compress an RGB image."""
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, format="png", optimize=True)
        return cls(stream.getvalue(), alt)

    @property
    def html(self) -> str:
        """An `img` element that holds the picture itself."""
        data = base64.b64encode(self.png).decode()
        alt, style = html.escape(self.alt), "max-width:100%;height:auto"
        kind = 'class="plot" ' if self.plot else ""
        return f'<img alt="{alt}" {kind}style="{style}" src="data:image/png;base64,{data}">'

    def _repr_html_(self) -> str:
        return self.html

    def save(self, path: str | Path) -> Path:
        """Write the PNG."""
        return write_atomic(path, self.png)


def filmstrip(
    clips: Mapping[str, Frames], *, columns: int = 8, height: int = 128, alt: str = ""
) -> Picture:
    """Draw `columns` frames of every clip, the first to the last, in a labelled row of a height.

    `alt` is made from the labels if left empty. Raises VideoError if there is nothing to draw.
    """
    if not clips or any(len(frames) == 0 for frames in clips.values()):
        raise VideoError("nothing to draw", "at least one clip with at least one frame")
    shortest = min(len(frames) for frames in clips.values())
    shown = np.linspace(0, shortest - 1, min(columns, shortest)).round().astype(int)
    rows = {label: frames[shown] for label, frames in clips.items()}
    sheet = contact_sheet(rows, [f"frame {t}" for t in shown], height=height)
    words = f"Filmstrip, {len(shown)} frames of each of: {', '.join(clips)}."
    return Picture.from_pixels(sheet, alt or words)


def contact_sheet(
    rows: Mapping[str, Frames], column_labels: Sequence[str] = (), *, height: int = 128
) -> UInt8[np.ndarray, "sheet_height sheet_width 3"]:
    """Lay images out in labelled rows: the label on the left, images scaled to one height."""
    font = ImageFont.load_default(size=max(11, height // 9))
    widths = [max(1, round(i.shape[2] * height / i.shape[1])) + _GAP for i in rows.values()]
    margin = max((int(font.getlength(word)) for label in rows for word in _lines(label)), default=0)
    margin = margin + 12 if margin else 0
    header = (height // 9 + 10) if column_labels else 0
    right = max(len(images) * w for images, w in zip(rows.values(), widths, strict=True))
    size = (margin + right - _GAP, header + len(rows) * (height + _GAP))
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    for row, ((label, images), width) in enumerate(zip(rows.items(), widths, strict=True)):
        top = header + row * (height + _GAP)
        for k, image in enumerate(images):
            scaled = resize_picture(image, height, width - _GAP)
            sheet.paste(Image.fromarray(scaled), (margin + k * width, top))
        text = "\n".join(_lines(label))
        draw.multiline_text((margin - 8, top + height // 2), text, _INK, font, "rm", align="right")
    step = (len(next(iter(rows.values()))) * widths[0] - _GAP) / max(1, len(column_labels))
    for column, label in enumerate(column_labels):
        draw.text((margin + (column + 0.5) * step, header // 2), label, _INK, font, "mm")
    return np.asarray(sheet)


def _lines(label: str) -> list[str]:
    return textwrap.wrap(label, 12, break_long_words=False, break_on_hyphens=False) or [""]
