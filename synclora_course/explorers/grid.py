"""A table of pictures behind two sliders: identity and time, denoising step and frame."""

import html
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from synclora_course.explorers.page import Explorer, fill, jpeg_text
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

    `row` and `column` say what changes, such as "identity" and "frame"; rows and columns without
    names get numbers. `size` is the height of a picture as sent, which is shown larger; `start`
    is the row and column shown first, also without scripts; `alt` says what the pictures show.
    """
    rows, columns = images.shape[:2]
    names = [
        list(row_names or map(str, range(rows))),
        list(column_names or map(str, range(columns))),
    ]
    if not images.size or [len(n) for n in names] != [rows, columns]:
        what = f"{rows} x {columns} pictures with {len(names[0])} and {len(names[1])} names"
        raise VideoError(what, "a name for every row and column")
    sheet = _sheet(images, size)
    x, y = (100 * start[axis] / max(1, images.shape[axis] - 1) for axis in (1, 0))
    values: dict[str, str | int] = {
        "POSITION": f"{x:.4f}% {y:.4f}%",  # of the tile, as CSS's background-position has it
        "ASPECT": f"{sheet.shape[1] // columns} / {size}",
        "SHEET": jpeg_text(sheet, quality=80),
    }
    for axis, (name, label) in enumerate((("ROW", row), ("COLUMN", column))):
        values |= {name: html.escape(label), f"START{name}": start[axis]}
        values |= {f"{name}S": images.shape[axis], f"LAST{name}": images.shape[axis] - 1}
    return fill("grid.html", alt, names, values)


def _sheet(
    images: UInt8[np.ndarray, "rows columns height width 3"], size: int
) -> UInt8[np.ndarray, "sheet_height sheet_width 3"]:
    """Scale all pictures to one height and put them in one."""
    width = round(images.shape[3] * size / images.shape[2])
    how = cv2.INTER_AREA if images.shape[2] > size else cv2.INTER_CUBIC
    small = [[cv2.resize(each, (width, size), interpolation=how) for each in row] for row in images]
    return np.concatenate([np.concatenate(row, 1) for row in small])
