"""A table of pictures behind two sliders: identity and time, denoising step and frame."""

import base64
import html
import io
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from synclora_course.explorers.page import Explorer, fill
from synclora_lite.errors import VideoError


def grid_explorer(
    images: UInt8[np.ndarray, "rows columns height width 3"],
    *,
    row: str,
    column: str,
    row_names: Sequence[str] = (),
    column_names: Sequence[str] = (),
    size: int = 160,
    start: tuple[int, int] = (0, 0),
    alt: str,
) -> Explorer:
    """Show one picture of a table at a time; a slider for its row and one for its column.

    Args:
        images: The table.
        row: What changes from row to row, such as "identity".
        column: What changes along a row, such as "frame".
        row_names: Names of the rows, else their numbers.
        column_names: Names of the columns, else their numbers.
        size: Height of a picture as sent, in pixels; it is shown larger.
        start: Row and column shown first, also without scripts.
        alt: What the pictures show, in a sentence.

    Raises:
        VideoError: The table is empty, or the number of names is not that of its rows or columns.

    """
    rows, columns = images.shape[:2]
    names = [list(row_names) or _numbers(rows), list(column_names) or _numbers(columns)]
    if not images.size or [len(n) for n in names] != [rows, columns]:
        raise VideoError(
            f"{rows} x {columns} pictures with {len(names[0])} and {len(names[1])} names",
            "a name for every row and column",
        )
    sheet = _sheet(images, size)
    width = sheet.shape[1] // columns
    values = {
        "COLUMN": html.escape(column),
        "ROW": html.escape(row),
        "COLUMNS": str(columns),
        "ROWS": str(rows),
        "LASTROW": str(rows - 1),
        "LASTCOLUMN": str(columns - 1),
        "STARTROW": str(start[0]),
        "STARTCOLUMN": str(start[1]),
        "POSITION": _position(start[1], columns) + " " + _position(start[0], rows),
        "ASPECT": f"{width} / {size}",
        "SHEET": base64.b64encode(_jpeg(sheet)).decode(),
    }
    return fill("grid.html", alt, names, values)


def _numbers(count: int) -> list[str]:
    return [str(k) for k in range(count)]


def _position(index: int, count: int) -> str:
    """Place of a tile as CSS's background-position has it."""
    return f"{100 * index / max(1, count - 1):.4f}%"


def _sheet(
    images: UInt8[np.ndarray, "rows columns height width 3"], size: int
) -> UInt8[np.ndarray, "sheet_height sheet_width 3"]:
    """Scale all pictures to one height and put them in one."""
    width = round(images.shape[3] * size / images.shape[2])
    method = cv2.INTER_AREA if images.shape[2] > size else cv2.INTER_CUBIC
    small = [
        np.concatenate(
            [cv2.resize(image, (width, size), interpolation=method) for image in line], 1
        )
        for line in images
    ]
    return np.concatenate(small)


def _jpeg(image: UInt8[np.ndarray, "height width 3"]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="jpeg", quality=80, optimize=True)
    return stream.getvalue()
