"""Every master runs from top to bottom in an empty folder, and starts as all of them do."""

import json
from contextlib import suppress

import pytest

from synclora_course.errors import CourseError
from synclora_course.notebook import CHAPTERS, first_cell, notebook_name
from tools.notebooks import MASTERS, execute, execute_all, masters


@pytest.fixture(scope="module")
def executed(worker_id):
    """Run all masters two at a time, unless two processes of tests share them one by one.

    A failure is told by the test of its own notebook.
    """
    if worker_id == "master":
        with suppress(CourseError):
            execute_all(masters())


def test_there_is_one_master_for_each_chapter():
    assert [path.stem for path in masters()] == [notebook_name(chapter) for chapter in CHAPTERS]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_master_runs(executed, chapter):
    result = execute(MASTERS / f"{notebook_name(chapter)}.ipynb")
    cells = json.loads(result.output.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code" and cell["source"]]
    assert all(cell["execution_count"] for cell in code)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_cell_that_describes_a_picture_shows_one(executed, chapter):
    result = execute(MASTERS / f"{notebook_name(chapter)}.ipynb")
    for cell in json.loads(result.output.read_text())["cells"]:
        if cell["metadata"].get("mystnb", {}).get("image"):
            data = [output.get("data", {}) for output in cell["outputs"]]
            drawn = [
                d for d in data if "image/png" in d or "<img" in "".join(d.get("text/html", ""))
            ]
            assert drawn, cell["id"]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_master_starts_with_the_shared_first_cell(chapter):
    cells = json.loads((MASTERS / f"{notebook_name(chapter)}.ipynb").read_text())["cells"]
    code = next(cell for cell in cells if cell["cell_type"] == "code")
    assert "".join(code["source"]) == first_cell(chapter)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_master_is_kept_without_outputs(chapter):
    cells = json.loads((MASTERS / f"{notebook_name(chapter)}.ipynb").read_text())["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
