"""Whatever strangers write into names, labels and tags stays text in the pages we make."""

import re
from pathlib import Path

import numpy as np
import pytest

from synclora_course.checks.outcome import Passed
from synclora_course.explorers import grid_explorer
from synclora_lite.editing import EditSettings, edit_video, report
from synclora_lite.editing.report import report_page
from synclora_lite.files import data_dir
from synclora_lite.video import Clip, read_clip, read_image
from synclora_lite.viz import filmstrip, locked_player

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"' onload='alert(3)"
FRAMES = np.zeros((5, 32, 32, 3), np.uint8)


def pages() -> dict[str, str]:
    """Make a page of every kind with evil names in it."""
    table = np.zeros((2, 2, 32, 32, 3), np.uint8)
    names = (EVIL, EVIL)
    explorer = grid_explorer(
        table, row=EVIL, column=EVIL, row_names=names, column_names=names, alt=EVIL
    )
    return {
        "player": locked_player({EVIL: Clip(FRAMES, 12.0)}, alt=EVIL).html,
        "filmstrip": filmstrip({EVIL: FRAMES}, alt=EVIL).html,
        "explorer": explorer.html,
    }


@pytest.mark.parametrize("kind", pages())
def test_an_evil_label_stays_text(kind: str) -> None:
    page = pages()[kind]
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "' onload='alert" not in re.sub("<script.*?</script>", "", page, flags=re.DOTALL)


def test_a_solved_exercise_escapes_what_it_says() -> None:
    page = Passed(EVIL, (EVIL,))._repr_html_()
    assert "<script>" not in page
    assert "<img" not in page


def test_the_report_of_an_edit_escapes_names_and_tags() -> None:
    clips = data_dir() / "clips"
    source, picture = read_clip(clips / "hair.mp4"), read_image(clips / "hair-edited.png")
    edit = edit_video(source, picture, EditSettings("copy"))
    edit.report["provenance"] |= {EVIL: EVIL, "source": {"file": EVIL}}
    edit.report["warnings"].append(EVIL)
    page = report_page(edit, title=f"{EVIL} edited from {EVIL}")
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "onload='alert" not in page
    assert page.count("alert(1)") >= 4  # it is told, as text


def test_a_stored_report_has_no_address_outside() -> None:
    template = Path(report.__file__).with_name("report.html").read_text()
    assert "http" not in template.replace("http-equiv", "")
