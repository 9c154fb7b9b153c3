"""Constants that a chapter's text tells are those of the code."""

import json
from pathlib import Path

from synclora_lite.editing import detail, registration

CHAPTER = Path(__file__).parents[2] / "notebooks" / "07_editing.ipynb"


def told(cell_id: str) -> str:
    cells = json.loads(CHAPTER.read_text())["cells"]
    return next("".join(cell["source"]) for cell in cells if cell["id"] == cell_id)


def test_the_thresholds_of_the_judge():
    text = told("warm-start-text")
    assert f"d_B + {detail.HEAD_START:g}}}{{{detail.SOFT:g}}}" in text
    assert f"The {detail.HEAD_START:g} prefers $B$" in text
    assert f"rises from {detail.DRAWN:g} to {detail.NOT_DRAWN:g} grey levels" in text


def test_the_constants_of_registration_on_clips_of_96_pixels():
    text = told("register-text")
    assert f"(\\text{{error of the flow}}/{registration.UNLIKE:g})^2" in text
    assert f"|u - m|^2 / {96 * registration.STRAY:g}^2" in text
    assert (96 * registration.SMOOTH, 96 * registration.DEAD) == (12, 0.25)
    assert "within some twelve pixels" in text
    assert "below a quarter of a pixel" in text
    assert registration.STEPS == 5
    assert "five times" in text
