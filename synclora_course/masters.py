"""Reading master notebooks: cells, tags, and the exercises they hold.

A master is the one place where a chapter is written. An exercise in it is a markdown cell tagged
`exercise`, a code cell tagged `solution` whose body stands between two markers, and a code cell
tagged `check`. See CONTRIBUTING.md.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synclora_course.errors import CourseError
from synclora_lite.files import PROJECT, read_json

Cell = dict[str, Any]
Notebook = dict[str, Any]

CHAPTERS = PROJECT / "notebooks"
MARKED = re.compile(r"^( *)# BEGIN SOLUTION\n(.*?\n) *# END SOLUTION$", re.DOTALL | re.MULTILINE)
KINDS = ("exercise", "solution", "check", "solution-notes")


@dataclass(frozen=True)
class Exercise:
    """One exercise of a master.

    Attributes:
        identifier: Chapter and number, "5.2".
        title: Its name.
        difficulty: 1 to 5.
        importance: 1 to 5.
        minutes: What it should take.
        points: What it is worth; none for a project.
        task: The markdown that states it.
        function: Name of the function to write; empty for a project.
        check: Name of the check in the chapter's module of checks; empty for a project.
        solution: The cell with the marked solution; empty for a project.

    """

    identifier: str
    title: str
    difficulty: int
    importance: int
    minutes: int
    task: str
    function: str = ""
    check: str = ""
    solution: str = ""
    points: int = 0

    @property
    def is_project(self) -> bool:
        """Whether it is open, without a check."""
        return not self.check


def master_paths(folder: Path = CHAPTERS) -> list[Path]:
    """Return the masters in reading order.

    Raises:
        CourseError: There are none: the package was installed without its notebooks.

    """
    paths = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise CourseError(
            f"no chapters in {folder}",
            "the notebooks of a checkout",
            "clone the repository: an installed package does not hold them",
        )
    return paths


def read_notebook(path: Path) -> Notebook:
    """Read a notebook of format 4.

    Raises:
        ArtifactError: The file is missing or not JSON.
        CourseError: It is JSON, but no notebook, or one of its cells is none.

    """
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise CourseError(f"{path} is not a notebook", "a Jupyter notebook of format 4")
    for number, cell in enumerate(content["cells"], start=1):
        if not _is_cell(cell):
            raise CourseError(
                f"cell {number} of {path} is broken", "a Jupyter notebook of format 4"
            )
    return content


def _is_cell(cell: Any) -> bool:
    """Whether a cell has a type, a text, and tags and settings of the right kind, if any."""
    if not isinstance(cell, dict) or not isinstance(cell.get("cell_type"), str):
        return False
    text, about = cell.get("source"), cell.get("metadata", {})
    lines = [text] if isinstance(text, str) else text
    return (
        isinstance(lines, list)
        and all(isinstance(line, str) for line in lines)
        and isinstance(about, dict)
        and isinstance(about.get("tags", []), list)
        and isinstance(about.get("exercise", {}), dict)
    )


def tags(cell: Cell) -> list[str]:
    """Return a cell's tags."""
    found: list[str] = cell.get("metadata", {}).get("tags", [])
    return found


def source(cell: Cell) -> str:
    """Return a cell's text."""
    return "".join(cell["source"])


def with_source(cell: Cell, text: str) -> Cell:
    """Return a copy of a cell with another text."""
    return {**cell, "source": text.splitlines(keepends=True)}


def tagged(notebook: Notebook, tag: str) -> list[Cell]:
    """Return the cells with a tag."""
    return [cell for cell in notebook["cells"] if tag in tags(cell)]


def imports_of(notebook: Notebook) -> str:
    """Return the text of the cells with all imports that exercises use."""
    return "\n".join(source(cell) for cell in tagged(notebook, "imports"))


def exercises(notebook: Notebook) -> list[Exercise]:
    """Return a master's exercises, projects included, in order.

    Raises:
        CourseError: A solution stands without a task before it, or lacks a mark or a setting.

    """
    found: list[Exercise] = []
    task = ""
    for cell in notebook["cells"]:
        names, text = tags(cell), source(cell)
        if "project" in names:
            found.append(_exercise(cell, text, ""))
        elif "exercise" in names:
            task = text
        elif "solution" in names:
            if not task:
                raise CourseError(f"cell {cell.get('id')} solves nothing", "a task before it")
            if not MARKED.search(text):
                what = f"the solution in cell {cell.get('id')} is not marked"
                raise CourseError(what, "# BEGIN SOLUTION and # END SOLUTION around the body")
            found.append(_exercise(cell, task, text))
            task = ""
    return found


def _exercise(cell: Cell, task: str, solution: str) -> Exercise:
    settings = cell["metadata"].get("exercise", {})
    needed = ["id", "title", "difficulty", "importance", "minutes"]
    needed += ["function", "check"] if solution else []
    missing = [name for name in needed if name not in settings]
    if missing:
        what = f"cell {cell.get('id')} says nothing of {', '.join(missing)}"
        raise CourseError(what, "these in the cell's metadata under `exercise`")
    known = {name: settings[name] for name in (*needed[1:], "points") if name in settings}
    return Exercise(identifier=settings["id"], task=task, solution=solution, **known)
