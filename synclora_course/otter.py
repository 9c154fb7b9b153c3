"""Assignments in the format of Otter Assign: raw cells that mark questions, solutions and tests.

The format is that of otter-grader 6 and 7 (https://otter-grader.readthedocs.io): exception-based
tests, `# BEGIN QUESTION` raw cells, and solutions that turn into a prompt in the student's copy.
"""

import json
import re
import textwrap
from collections.abc import Sequence

from synclora_course.masters import MARKED, Cell, Notebook

CONFIG = """\
# ASSIGNMENT CONFIG
name: {name}
init_cell: true
check_all_cell: false
export_cell:
    pdf: false
    run_tests: false
solutions_pdf: false
template_pdf: false
overwrite_requirements: true
requirements: requirements.txt
generate:
    pdf: false
    show_hidden: false
    show_stdout: true
tests:
    ok_format: false
    files: true
"""


class Cells:
    """Collects cells and numbers them."""

    def __init__(self) -> None:
        self.cells: list[Cell] = []

    def raw(self, text: str) -> None:
        """Add a raw cell, in which Otter Assign reads its marks."""
        self._add("raw", text)

    def markdown(self, text: str) -> None:
        """Add a markdown cell."""
        self._add("markdown", text)

    def code(self, text: str) -> None:
        """Add a code cell without outputs."""
        self._add("code", text)

    def notebook(self, canary: str) -> Notebook:
        """Return the notebook; the canary marks it as graded material."""
        return {
            "cells": self.cells,
            "metadata": {
                "kernelspec": {
                    "display_name": "Python 3",
                    "language": "python",
                    "name": "python3",
                },
                "language_info": {"name": "python"},
                "canary": canary,
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        }

    def _add(self, kind: str, text: str) -> None:
        cell: Cell = {"cell_type": kind, "id": f"cell-{len(self.cells):03d}", "metadata": {}}
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        self.cells.append({**cell, "source": text.splitlines(keepends=True)})


def coding_question(
    cells: Cells,
    *,
    name: str,
    statement: str,
    marked: str,
    tests: Sequence[tuple[str, float | int, bool]],
) -> None:
    """Add a question that is graded by tests.

    Args:
        cells: Where to add it.
        name: Unique in the assignment.
        statement: The task, in Markdown.
        marked: Code of the solved function, its body between the masters' markers.
        tests: Of each test its function, its points, and whether it is hidden.

    """
    points = sum(worth for _, worth, _ in tests)
    cells.raw(f"# BEGIN QUESTION\nname: {name}\npoints: {points:g}")
    cells.markdown(statement)
    cells.raw("# BEGIN SOLUTION")
    cells.code(with_prompt(marked))
    cells.raw("# END SOLUTION")
    cells.raw("# BEGIN TESTS")
    for test, worth, hidden in tests:
        cells.code(_test(test, worth, hidden))
    cells.raw("# END TESTS")
    cells.raw("# END QUESTION")


def written_question(cells: Cells, *, name: str, statement: str, rubric: Sequence[str]) -> None:
    """Add a question that a person grades, one point for each line of the rubric."""
    cells.raw(f"# BEGIN QUESTION\nname: {name}\nmanual: true\npoints: {len(rubric)}")
    cells.markdown(statement)
    cells.raw("# BEGIN SOLUTION")
    lines = "\n".join(f"- {line}" for line in rubric)
    cells.markdown(f"**SOLUTION** A good answer has, one point each:\n\n{lines}")
    cells.raw("# END SOLUTION")
    cells.raw("# END QUESTION")


def with_prompt(marked: str) -> str:
    """Write the masters' markers as Otter's, which leave a line to be replaced in their place."""

    def mark(found: re.Match[str]) -> str:
        indent, body = found[1], found[2]
        lines = ["# BEGIN SOLUTION NO PROMPT", *dedented(body, indent), "# END SOLUTION"]
        lines += ['""" # BEGIN PROMPT', "raise NotImplementedError", '""" # END PROMPT']
        return "\n".join(indent + line if line else "" for line in lines)

    return MARKED.sub(mark, marked)


def dedented(body: str, indent: str) -> list[str]:
    """Return the lines of a marked body without the markers' indentation."""
    return [line.removeprefix(indent) for line in body.rstrip("\n").split("\n")]


def _test(test: str, points: float | int, hidden: bool) -> str:
    """Write a test cell: its settings, its function, and a call of that."""
    called = re.sub(r"def (\w+\(\w+\)):.*", r"\1", test, flags=re.DOTALL)
    config = f"points: {points:g}\nhidden: {json.dumps(hidden)}"
    header = f'""" # BEGIN TEST CONFIG\n{config}\n""" # END TEST CONFIG\n'
    return f"{header}{textwrap.dedent(test)}\n{called}"
