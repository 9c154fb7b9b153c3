"""Looking over notebooks: whether masters keep the book's form, and how far a student has come."""

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synclora_course.errors import CourseError
from synclora_course.growing import solved_names
from synclora_course.masters import (
    Cell,
    Notebook,
    exercises,
    imports_of,
    master_paths,
    read_notebook,
    source,
    tagged,
)
from synclora_course.notebook import CHAPTERS

SECTIONS = (
    *("## The claim", "## What goes wrong", "## Quiz"),
    *("## Summary", "## Further reading", "## What's next"),
)
LEAST_EXERCISES = LEAST_QUESTIONS = 3
QUIZ_OPTION = re.compile(
    r'<details class="quiz">\s*<summary>(?P<option>.*?)</summary>(?P<reply>.*?)</details>',
    re.DOTALL,
)
REPLIES = ("Yes", "No", "Not quite")


@dataclass(frozen=True)
class Progress:
    """How far one exercise is: "solved", "to do", or "not yet" with what is wrong."""

    identifier: str
    title: str
    state: str
    note: str = ""


def review_masters() -> list[str]:
    """Return what is wrong with the masters' form, each with its chapter."""
    return [
        f"{path.stem}: {problem}"
        for path in master_paths()
        for problem in review(read_notebook(path), path.name[:2])
    ]


def review(master: Notebook, chapter: str) -> list[str]:
    """Return what is wrong with one master's form.

    Args:
        master: The notebook.
        chapter: Two digits.

    """
    try:
        return [*_sections(master), *_exercises(master, chapter), *_quiz(master)]
    except CourseError as error:
        return [str(error)]


def progress(path: Path, first: int = 0) -> Iterator[Progress]:
    """Run the checks of a student's notebook on its functions, in this process.

    Only the cells with imports and with exercises are run, so this takes seconds. For notebooks
    of others there is `grading.grade`.

    Args:
        path: The notebook.
        first: Number of the exercise to begin with, from 0.

    Raises:
        ArtifactError: The file is missing or not JSON.
        CourseError: It is no notebook of this book, or its imports fail.

    """
    notebook = read_notebook(path)
    solved = solved_cells(notebook, path)
    names: dict[str, Any] = {}
    try:
        exec(imports_of(notebook), names)
    except Exception as error:  # whatever a student's cell raises is told
        raise CourseError(
            f"the imports of {path} fail ({type(error).__name__}: {error})",
            "those that the chapter came with, and the installed package",
        ) from error
    names |= solved_names()  # an exercise may build on what others ask for
    for cell in solved[first:]:
        yield _progress(cell["metadata"]["exercise"], source(cell), names)


def solved_cells(notebook: Notebook, path: Path) -> list[Cell]:
    """Return the cells with a student's solutions, each of which says what it solves.

    Raises:
        CourseError: There are none, or one does not say so: it is no notebook to be graded.

    """
    cells, expected = tagged(notebook, "solution"), "a notebook of `synclora course student`"
    if not cells:
        raise CourseError(f"{path} holds no exercises", expected)
    for number, cell in enumerate(cells, start=1):
        about = cell["metadata"].get("exercise", {})
        told = all(
            isinstance(about.get(name), str) for name in ("id", "title", "function", "check")
        )
        if not told or _chapter(about) not in CHAPTERS:
            raise CourseError(f"solution {number} in {path} names no exercise", expected)
    return cells


def _chapter(about: dict[str, Any]) -> str:
    return str(about["id"].split(".")[0].zfill(2))


def _progress(about: dict[str, Any], text: str, names: dict[str, Any]) -> Progress:
    module = importlib.import_module(f"synclora_course.checks.{CHAPTERS[_chapter(about)]}")
    here = dict(names)
    try:
        exec(text, here)
        getattr(module, about["check"])(here[about["function"]])
    except NotImplementedError:
        return Progress(about["id"], about["title"], "to do")
    except Exception as error:  # noqa: BLE001 -- whatever a student's cell raises is told
        return Progress(about["id"], about["title"], "not yet", str(error) or type(error).__name__)
    return Progress(about["id"], about["title"], "solved")


def _sections(master: Notebook) -> Iterator[str]:
    text = "\n".join(source(cell) for cell in master["cells"] if cell["cell_type"] == "markdown")
    places = [text.find(f"{section}\n") for section in SECTIONS]
    missing = [name for name, place in zip(SECTIONS, places, strict=True) if place < 0]
    if missing:
        yield f"no section {', '.join(missing)}"
    elif places != sorted(places):
        yield f"the sections are not in the order {', '.join(SECTIONS)}"


def _exercises(master: Notebook, chapter: str) -> Iterator[str]:
    found = exercises(master)
    if len(found) < LEAST_EXERCISES:
        yield f"{len(found)} exercises, at least {LEAST_EXERCISES} are expected"
    called = "\n".join(source(cell) for cell in tagged(master, "check"))
    known = check_functions(chapter)
    for number, exercise in enumerate(found, start=1):
        name = exercise.identifier
        if name != f"{int(chapter)}.{number}":
            yield f"exercise {name} is the {number}th of chapter {int(chapter)}"
        if f"Exercise {name}: {exercise.title}" not in exercise.task:
            yield f"exercise {name} is not headed `Exercise {name}: {exercise.title}`"
        if not all(1 <= level <= 5 for level in (exercise.difficulty, exercise.importance)):
            yield f"exercise {name} has a level outside 1 to 5"
        if not exercise.is_project and f"· {exercise.points} points*" not in exercise.task:
            yield f"exercise {name} does not say its {exercise.points} points under its heading"
        if not exercise.is_project and exercise.check not in known:
            yield f"exercise {name} has no check {exercise.check} in the package"
        if f"{exercise.check}({exercise.function})" not in called and not exercise.is_project:
            yield f"exercise {name} is not followed by its check"


def check_functions(chapter: str) -> dict[str, ast.FunctionDef]:
    """Return the functions of a chapter's module of checks by name, without importing it."""
    path = Path(__file__).parent / "checks" / f"{CHAPTERS[chapter]}.py"
    body = ast.parse(path.read_text("utf-8")).body if path.exists() else []
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def _quiz(master: Notebook) -> Iterator[str]:
    prose = "\n".join(source(c) for c in master["cells"] if c["cell_type"] == "markdown")
    quiz = re.search(r"^## Quiz$.*?(?=^## |\Z)", prose, re.MULTILINE | re.DOTALL)
    text = quiz.group() if quiz else ""
    questions = re.split(r"^\*\*\d+\. ", text, flags=re.MULTILINE)[1:]
    if len(questions) < LEAST_QUESTIONS:
        yield f"{len(questions)} quiz questions, at least {LEAST_QUESTIONS} are expected"
    for number, question in enumerate(questions, start=1):
        replies = [found["reply"].strip() for found in QUIZ_OPTION.finditer(question)]
        right = [reply for reply in replies if reply.startswith("Yes")]
        if len(replies) < 2 or not right or len(right) == len(replies):
            yield f"quiz question {number} needs right and wrong options"
        if not all(reply.startswith(REPLIES) for reply in replies):
            yield f"quiz question {number}: each reply starts with {', '.join(REPLIES)}"
