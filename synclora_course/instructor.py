"""The instructor's bundle: graded assignments drawn from a seed, and what goes with teaching them.

bundle/
    README.md                   how to use it, timings of the whole course
    05_in_context_lora/
        assignment.ipynb        for `otter assign assignment.ipynb dist`
        requirements.txt        for graders that build their own environment
        guide.md                timings, talking points, common mistakes, rubric
"""

import ast
import tomllib
from pathlib import Path
from random import Random
from typing import Any

from synclora_course import families_first as first
from synclora_course import families_second as second
from synclora_course.errors import CourseError
from synclora_course.guide import chapter_guide, course_guide
from synclora_course.install import ARCHIVE
from synclora_course.masters import (
    Exercise,
    Notebook,
    exercises,
    imports_of,
    master_paths,
    read_notebook,
)
from synclora_course.notebook import CHAPTERS
from synclora_course.otter import CONFIG, Cells, coding_question, written_question
from synclora_course.questions import Family, Question, hidden_test, public_test
from synclora_course.readable import plain_markdown
from synclora_course.review import check_functions
from synclora_lite.files import write_atomic

CANARY = "synclora-graded-material-7c1f0e5b"
"""Stands in every file of a bundle, so that a leak into a public page can be found."""

FAMILIES: dict[str, Family] = {
    "00": first.frame_on_screen,
    "01": first.blinks,
    "02": first.filter_pairs,
    "03": first.signed_lag,
    "04": first.euler_step,
    "05": second.sequence_levels,
    "06": second.schedule,
    "07": second.guidance,
    "08": second.kept,
    "09": second.token_budget,
    "10": second.windows,
}
FROM_THE_BOOK = 2  # exercises of the book in each assignment

PARTS = """from synclora_course.growing import solved_names

globals().update(solved_names())  # the method's other parts, on which an exercise may build"""


def write_bundle(folder: Path, seed: int, chapters: list[str] | None = None) -> list[Path]:
    """Write the bundle.

    Args:
        folder: New or empty.
        seed: Another seed gives other variants, other exercises and other hidden tests.
        chapters: Two digits each; all by default.

    Returns:
        The files.

    Raises:
        CourseError: The folder holds something, or a chapter does not exist.

    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CourseError(f"{folder} is not empty", "a new folder for the bundle")
    unknown = sorted(set(chapters or []) - set(CHAPTERS))
    if unknown:
        raise CourseError(f"no chapter {', '.join(unknown)}", f"among {', '.join(CHAPTERS)}")
    masters = {p.name[:2]: p for p in master_paths() if not chapters or p.name[:2] in chapters}
    files = []
    for chapter, path in masters.items():
        files += _write_chapter(folder / path.stem, chapter, read_notebook(path), seed)
    plan = {chapter: exercises(read_notebook(path)) for chapter, path in masters.items()}
    text = course_guide(plan, guides(), seed) + f"\n<!-- {CANARY} -->\n"
    return [*files, write_atomic(folder / "README.md", text)]


def guides() -> dict[str, dict[str, Any]]:
    """Return what is to be said and watched for, by chapter."""
    with Path(__file__).with_name("guide.toml").open("rb") as stream:
        return tomllib.load(stream)


def assignment(
    chapter: str, master: Notebook, seed: int, from_the_book: int = FROM_THE_BOOK
) -> Notebook:
    """Make the Otter Assign master of one chapter.

    Args:
        chapter: Two digits.
        master: The chapter's master notebook.
        seed: Chooses exercises, the variant and the hidden tests' inputs.
        from_the_book: How many of the book's exercises to take.

    """
    random, question = Random(f"assignment {chapter} {seed}"), variant(chapter, seed)
    checked = [exercise for exercise in exercises(master) if not exercise.is_project]
    chosen = random.sample(checked, min(from_the_book, len(checked)))
    chosen.sort(key=lambda exercise: exercise.identifier)
    cells = Cells()
    cells.add("raw", CONFIG.format(name=f"synclora-{chapter}-{seed}"))
    cells.add("markdown", _opening(chapter, chosen, question))
    cells.add("code", imports_of(master) if chosen else "import numpy as np")
    if chosen and any("part" in cell["metadata"] for cell in master["cells"]):
        cells.add("code", PARTS)
    for exercise in chosen:
        _add_exercise(cells, exercise, chapter, random)
    _add_variant(cells, question, random)
    about = guides()[chapter]
    cells.add("markdown", f"<!-- {CANARY} -->\n## In words")
    name = f"words_{chapter}"
    written_question(cells, name=name, statement=about["question"], rubric=about["rubric"])
    return cells.notebook(CANARY)


def variant(chapter: str, seed: int) -> Question:
    """Return the question that this seed gives for a chapter."""
    return FAMILIES[chapter](Random(f"variant {chapter} {seed}"))


def known_mistakes(check: str, chapter: str) -> list[str]:
    """Return the mistakes that a check and its helpers know by name: the hints in their source."""
    functions = check_functions(chapter)
    if check not in functions:
        return []
    names = [each.id for each in ast.walk(functions[check]) if isinstance(each, ast.Name)]
    looked = [check, *(name for name in names if name in functions)]
    tables = [e for name in looked for e in ast.walk(functions[name]) if isinstance(e, ast.Dict)]
    return [hint for table in tables for key in table.keys if (hint := _hint(key))]


def _hint(key: ast.expr | None) -> str:
    """Return the hint that is a key in a check's table of mistakes: of a ladder the first rung."""
    if isinstance(key, ast.Tuple):
        key = key.elts[0]
    return str(key.value) if isinstance(key, ast.Constant) and " " in str(key.value) else ""


def _write_chapter(folder: Path, chapter: str, master: Notebook, seed: int) -> list[Path]:
    from synclora_course.generate import as_text

    mistakes = {e.identifier: known_mistakes(e.check, chapter) for e in exercises(master)}
    question = variant(chapter, seed)
    guide = chapter_guide(chapter, exercises(master), mistakes, guides()[chapter], question)
    requirements = f"otter-grader\nsynclora-lite @ {ARCHIVE}\n"
    return [
        write_atomic(folder / "assignment.ipynb", as_text(assignment(chapter, master, seed))),
        write_atomic(folder / "requirements.txt", f"# {CANARY}\n{requirements}"),
        write_atomic(folder / "guide.md", f"{guide}\n<!-- {CANARY} -->\n"),
    ]


def _add_exercise(cells: Cells, exercise: Exercise, chapter: str, random: Random) -> None:
    module = f"synclora_course.checks.{CHAPTERS[chapter]}"

    def test(name: str, seed: int) -> str:
        lines = [f"def {name}({exercise.function}):", f"    from {module} import {exercise.check}"]
        return "\n".join([*lines, f"    {exercise.check}({exercise.function}, seed={seed})"])

    hidden = random.randrange(10_000, 1_000_000)
    coding_question(
        cells,
        name="q" + exercise.identifier.replace(".", "_"),
        statement=plain_markdown(exercise.task),
        marked=exercise.solution,
        tests=[(test("test_as_in_the_book", 0), 1, False), (test("test_again", hidden), 1, True)],
    )


def _add_variant(cells: Cells, question: Question, random: Random) -> None:
    marked = f"{question.signature}\n    # BEGIN SOLUTION\n"
    marked += "".join(f"    {line}\n" for line in question.body.split("\n"))
    coding_question(
        cells,
        name=question.name,
        statement=f"## {question.title}\n\n{question.statement}",
        marked=marked + "    # END SOLUTION",
        tests=[
            (public_test(question), 1, False),
            (hidden_test(question, random.randrange(1_000_000)), question.points - 1, True),
        ],
    )


def _opening(chapter: str, chosen: list[Exercise], question: Question) -> str:
    title = CHAPTERS[chapter].replace("_", " ").capitalize()
    minutes = sum(exercise.minutes for exercise in chosen) + 20 + 15
    worth = 2 * len(chosen)
    book = f"{worth} points for exercises that you know from the book, " if chosen else ""
    return (
        f"# Assignment: {title}\n\nAbout {minutes} minutes. {book}{question.points} for a question "
        "that is new, and some for an answer in words. The visible tests are not all the tests."
    )
