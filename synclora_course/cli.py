"""`synclora course`: notebooks for students and instructors, made from the chapters."""

from pathlib import Path
from typing import Annotated

import typer

from synclora_course.errors import CourseError

app = typer.Typer(
    no_args_is_help=True,
    help="Make the notebooks of a course from the chapters.",
    rich_markup_mode=None,
)
Folder = Annotated[
    Path | None, typer.Option("--out", help="Folder to write to; in the checkout by default.")
]


@app.command()
def student(out: Folder = None) -> None:
    """Write the student notebooks: exercises without their solutions."""
    _write("student", out)


@app.command()
def solutions(out: Folder = None) -> None:
    """Write the notebooks with solutions."""
    _write("solutions", out)


@app.command()
def instructor(
    out: Annotated[Path, typer.Option(help="New folder for the bundle; keep it private.")],
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives another exam.")],
    chapter: Annotated[
        list[str] | None,
        typer.Option(help="Two digits, such as 05; repeat for more. Default: all."),
    ] = None,
) -> None:
    """Write graded assignments for Otter, with hidden tests, rubrics and teaching notes."""
    from synclora_course.instructor import write_bundle

    files = write_bundle(out, seed, chapter)
    typer.echo(f"{len(files)} files in {out}; keep them private. Begin with {out / 'README.md'}")


@app.command()
def check(
    notebook: Annotated[
        Path | None,
        typer.Argument(help="A student's notebook: tells which exercises are solved."),
    ] = None,
) -> None:
    """Check a student's notebook, or, without one, that all generated notebooks are up to date."""
    if notebook is not None:
        _show_progress(notebook)
        return
    from synclora_course.generate import drift
    from synclora_course.review import review_masters

    problems = [*review_masters(), *drift()]
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise CourseError(
            f"{len(problems)} problems",
            "masters in the book's form and notebooks made from them",
            "mend the masters, then run: synclora course student; synclora course solutions",
        )
    typer.echo("The masters are in form and the generated notebooks are up to date.")


def _write(kind: str, out: Path | None) -> None:
    from synclora_course.generate import generate

    files = generate(kind, out)
    typer.echo(f"{len(files)} {kind} notebooks in {files[0].parent}")


def _show_progress(notebook: Path) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from synclora_course.grading import grade

    rows = grade(notebook)
    table = Table(title=notebook.name)
    for column in ("exercise", "", "state", "note"):
        table.add_column(column)
    for row in rows:
        table.add_row(row.identifier, row.title, row.state, Text(row.note))
    Console().print(table)
    solved = sum(row.state == "solved" for row in rows)
    typer.echo(f"{solved} of {len(rows)} solved")
