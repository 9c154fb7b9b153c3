"""What a chapter promises beyond its form: an opening, a claim, work of every size, and play."""

import re

import pytest

from synclora_course.masters import exercises, master_paths, read_notebook, source

EXPLORERS = ("locked_player(", "grid_explorer(", "sync_explorer(", "attention_explorer(")
chapters = pytest.mark.parametrize("path", master_paths(), ids=lambda path: path.stem)


def prose(path):
    cells = read_notebook(path)["cells"]
    return "\n\n".join(source(cell) for cell in cells if cell["cell_type"] == "markdown")


@chapters
def test_a_chapter_says_what_it_teaches_needs_and_takes(path):
    opening = prose(path).split("\n## ")[0]
    assert "You will be able to" in opening
    assert "**You need**" in opening
    assert re.search(r"minute|an hour", opening)


@chapters
def test_a_claim_has_control_baseline_and_limits(path):
    section = prose(path).split("\n## The claim\n")[1].split("\n## ")[0]
    rows = [row.strip("| ").split(" | ") for row in section.splitlines() if row.startswith("|")]
    assert rows[0] == ["claim", "control", "baseline", "limits"]
    assert len(rows) >= 3
    assert all(len(cell) > 10 for row in rows[2:] for cell in row)
    assert all(len(row) == 4 for row in rows[2:])


@chapters
def test_a_chapter_has_checked_exercises_and_an_open_one(path):
    found = exercises(read_notebook(path))
    assert sum(bool(exercise.check) for exercise in found) >= 3
    assert any(exercise.is_project for exercise in found)


def test_exercises_last_from_five_minutes_to_an_hour():
    minutes = [e.minutes for path in master_paths() for e in exercises(read_notebook(path))]
    assert min(minutes) <= 5
    assert max(minutes) >= 60


def test_a_quiz_option_is_html_and_so_holds_no_markdown():
    for path in master_paths():
        for option in re.findall(r"<summary>(.*?)</summary>", prose(path)):
            assert not set("`*$") & set(option), f"{path.stem}: {option}"


@pytest.mark.parametrize("tool", EXPLORERS)
def test_the_book_can_be_played_with(tool):
    assert any(tool in path.read_text() for path in master_paths())
