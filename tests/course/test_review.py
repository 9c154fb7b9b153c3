"""Masters keep the book's form, and a student learns how far a notebook has come."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from synclora_course.cli import app
from synclora_course.errors import CourseError
from synclora_course.generate import as_text, solutions, student
from synclora_course.masters import exercises, master_paths, read_notebook
from synclora_course.review import progress, review

PATHS = {path.name[:2]: path for path in master_paths()}


@pytest.mark.parametrize("chapter", PATHS)
def test_a_master_keeps_the_form(chapter):
    assert review(read_notebook(PATHS[chapter]), chapter) == []


def test_the_book_has_thirty_exercises():
    assert sum(len(exercises(read_notebook(path))) for path in PATHS.values()) >= 30


def test_a_review_names_what_is_missing():
    master = read_notebook(PATHS["05"])
    cells = [c for c in master["cells"] if "## Quiz" not in "".join(c["source"])]
    problems = review({**master, "cells": cells}, "05")
    assert any("## Quiz" in problem for problem in problems)
    assert any("quiz questions" in problem for problem in problems)
    for cell in cells:
        cell["source"] = "".join(cell["source"]).replace("· 8 points*", "*")
        cell["source"] = [cell["source"].replace("## Further reading", "")]
    problems = review({**master, "cells": cells}, "05")
    assert any("no section ## Quiz, ## Further reading" in problem for problem in problems)
    assert "exercise 5.2 does not say its 8 points under its heading" in problems


def test_progress_tells_solved_from_to_do_and_from_wrong(tmp_path):
    master = read_notebook(PATHS["05"])
    path = tmp_path / "mine.ipynb"
    path.write_text(as_text(solutions(master, PATHS["05"].name)))
    assert {row.state for row in progress(path)} == {"solved"}
    stub = student(master, PATHS["05"].name)
    first = next(c for c in stub["cells"] if "solution" in c["metadata"].get("tags", []))
    line = next(n for n, text in enumerate(first["source"]) if "NotImplementedError" in text)
    first["source"][line] = first["source"][line].replace(
        first["source"][line].strip(), "return weight"
    )
    path.write_text(as_text(stub))
    rows = list(progress(path))
    assert rows[0].state == "not yet"
    assert rows[0].note
    assert {row.state for row in rows[1:]} == {"to do"}


def test_progress_refuses_what_is_no_notebook_of_the_book(tmp_path):
    path = tmp_path / "other.ipynb"
    path.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    with pytest.raises(CourseError, match="no exercises"):
        list(progress(path))


def test_the_command_makes_notebooks_and_bundles(tmp_path):
    runner = CliRunner()
    done = runner.invoke(app, ["student", "--out", str(tmp_path / "student")])
    assert done.exit_code == 0, done.output
    assert len(list((tmp_path / "student").glob("*.ipynb"))) == len(PATHS)
    arguments = ["instructor", "--out", str(tmp_path / "bundle"), "--seed", "1", "--chapter", "08"]
    assert runner.invoke(app, arguments).exit_code == 0
    assert (tmp_path / "bundle" / "README.md").exists()
    again = runner.invoke(app, arguments)
    assert isinstance(again.exception, CourseError)


GOOD = {"cell_type": "code", "metadata": {"tags": ["imports"]}, "source": ["import os\n"]}
BROKEN: list[Any] = [
    *(1, None, [], {}, {**GOOD, "source": None}, {**GOOD, "source": [1]}, {**GOOD, "metadata": []}),
    *({**GOOD, "metadata": {"tags": None}}, {**GOOD, "metadata": {"exercise": 1}}),
    {"source": "x"},
]


@pytest.mark.parametrize("cell", BROKEN)
def test_a_broken_cell_is_refused_with_its_number(tmp_path, cell):
    path = tmp_path / "mine.ipynb"
    path.write_text(json.dumps({"cells": [GOOD]}))
    assert read_notebook(path)["cells"] == [GOOD]
    path.write_text(json.dumps({"cells": [GOOD, cell]}))
    with pytest.raises(CourseError, match=r"cell 2 of .* is broken"):
        read_notebook(path)
