"""Every chapter holds what the book promises: claim, exercises, broken runs, quiz, summary."""

import re

import pytest

from synclora_lite.course.masters import exercises, master_paths, read_notebook, source

OPTION = re.compile(
    r'<details class="quiz"><summary>([A-Z])\. .+?</summary>\s+(.+?)\s+</details>', re.DOTALL
)
INTERACTIVE = ("locked_player(", "grid_explorer(", "sync_explorer(", "attention_explorer(")
chapters = pytest.mark.parametrize("path", master_paths(), ids=lambda path: path.stem)


def prose(path):
    cells = read_notebook(path)["cells"]
    return "\n\n".join(source(cell) for cell in cells if cell["cell_type"] == "markdown")


def section(text, title):
    """Return a second-level section of a chapter."""
    return re.split(r"^## ", text.split(f"## {title}\n")[1], flags=re.MULTILINE)[0]


@chapters
def test_a_chapter_says_what_it_teaches_needs_and_takes(path):
    opening = prose(path).split("\n## ")[0]
    assert "You will be able to" in opening
    assert "**You need**" in opening
    assert re.search(r"minute|an hour", opening)


@chapters
def test_a_chapter_makes_one_claim_with_control_baseline_and_limits(path):
    rows = [row.strip("| ").split(" | ") for row in section(prose(path), "The claim").splitlines()]
    table = [row for row in rows if len(row) == 4]
    assert table[0] == ["claim", "control", "baseline", "limits"]
    assert len(table) >= 2
    assert all(len(cell) > 10 for row in table[1:] for cell in row)


@chapters
def test_a_chapter_shows_what_goes_wrong_and_closes(path):
    titles = re.findall(r"^## (.+)$", prose(path), re.MULTILINE)
    for title in ("What goes wrong", "Quiz", "Summary", "What's next"):
        assert title in titles


@chapters
def test_a_quiz_answers_every_option(path):
    questions = re.split(r"^\*\*\d\. ", section(prose(path), "Quiz"), flags=re.MULTILINE)[1:]
    assert len(questions) >= 3
    for question in questions:
        answers = [answer for _, answer in OPTION.findall(question)]
        assert len(answers) == question.count("<summary>") >= 2
        assert sum(answer.startswith("Yes.") for answer in answers) == 1, question
        assert all(answer.startswith(("Yes.", "No:", "Not quite:")) for answer in answers)
        assert len(set(answers)) == len(answers)


@chapters
def test_a_chapter_has_checked_exercises_and_an_open_one(path):
    found = exercises(read_notebook(path))
    assert sum(bool(exercise.check) for exercise in found) >= 3
    assert any(not exercise.check for exercise in found)


def test_the_book_has_thirty_exercises_from_five_minutes_to_an_hour():
    found = [e for path in master_paths() for e in exercises(read_notebook(path))]
    assert len(found) >= 30
    assert min(e.minutes for e in found) <= 5
    assert max(e.minutes for e in found) >= 60


def test_the_book_can_be_played_with():
    code = {path.stem: path.read_text() for path in master_paths()}
    assert all(any(tool in text for text in code.values()) for tool in INTERACTIVE)
