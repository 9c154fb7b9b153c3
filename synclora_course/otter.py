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

    def add(self, kind: str, *texts: str) -> None:
        """Add a cell for each text; Otter Assign reads its marks in those of kind "raw"."""
        for text in texts:
            cell: Cell = {"cell_type": kind, "id": f"cell-{len(self.cells):03d}", "metadata": {}}
            if kind == "code":
                cell |= {"execution_count": None, "outputs": []}
            self.cells.append({**cell, "source": text.splitlines(keepends=True)})

    def notebook(self, canary: str) -> Notebook:
        """Return the notebook; the canary marks it as graded material."""
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        metadata = {"kernelspec": kernel, "language_info": {"name": "python"}, "canary": canary}
        return {"cells": self.cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


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
    cells.add("raw", f"# BEGIN QUESTION\nname: {name}\npoints: {points:g}")
    cells.add("markdown", statement)
    cells.add("raw", "# BEGIN SOLUTION")
    cells.add("code", with_prompt(marked))
    cells.add("raw", "# END SOLUTION", "# BEGIN TESTS")
    for test, worth, hidden in tests:  # a cell holds the settings, the function, and its call
        called = re.sub(r"def (\w+\(\w+\)):.*", r"\1", test, flags=re.DOTALL)
        config = f"points: {worth:g}\nhidden: {json.dumps(hidden)}"
        header = f'""" # BEGIN TEST CONFIG\n{config}\n""" # END TEST CONFIG\n'
        cells.add("code", f"{header}{textwrap.dedent(test)}\n{called}")
    cells.add("raw", "# END TESTS", "# END QUESTION")


def written_question(cells: Cells, *, name: str, statement: str, rubric: Sequence[str]) -> None:
    """Add a question that a person grades, one point for each line of the rubric."""
    cells.add("raw", f"# BEGIN QUESTION\nname: {name}\nmanual: true\npoints: {len(rubric)}")
    cells.add("markdown", statement)
    cells.add("raw", "# BEGIN SOLUTION")
    lines = "\n".join(f"- {line}" for line in rubric)
    cells.add("markdown", f"**SOLUTION** A good answer has, one point each:\n\n{lines}")
    cells.add("raw", "# END SOLUTION", "# END QUESTION")


def with_prompt(marked: str) -> str:
    """Write the masters' markers as Otter's, which leave a line to be replaced in their place."""

    def mark(found: re.Match[str]) -> str:
        indent, body = found[1], found[2].rstrip("\n").split("\n")
        lines = ["# BEGIN SOLUTION NO PROMPT", *(line.removeprefix(indent) for line in body)]
        lines += ["# END SOLUTION", '""" # BEGIN PROMPT', "raise NotImplementedError"]
        lines += ['""" # END PROMPT']
        return "\n".join(indent + line if line else "" for line in lines)

    return MARKED.sub(mark, marked)
