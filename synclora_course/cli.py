"""`synclora course`: notebooks for students and instructors, made from the chapters."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from synclora_course.errors import CourseError
from synclora_lite.cli._options import Crop

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


def first_frame(
    source: Annotated[Path, Argument(help="The clip whose first frame is edited.")],
    out: Annotated[Path, Option("--out", help="The picture to write, ending in .png.")],
    *,
    background: Annotated[
        str | None, Option(help='Put a colour behind the person: "teal" or "#rrggbb".')
    ] = None,
    recolour: Annotated[str | None, Option(help="Give the hair this colour.")] = None,
    smile: Annotated[bool, Option("--smile", help="Make the person smile.")] = False,
    glasses: Annotated[bool, Option("--glasses", help="Put glasses on.")] = False,
    hat: Annotated[bool, Option("--hat", help="Put a knitted hat on.")] = False,
    crop: Crop = None,
) -> None:
    """Edit a clip's first frame without an image model: paint where the landmarks say."""
    from synclora_course import first_frame as paint
    from synclora_lite import video
    from synclora_lite.errors import EditError

    if out.suffix.lower() != ".png":
        raise EditError(f"the output {out.name}", "a name ending in .png", "rename it")
    if not (background or recolour or smile or glasses or hat):
        expected = "--background, --recolour, --smile, --glasses or --hat"
        raise EditError("no edit was asked for", expected)
    clip = video.read_clip(source)
    picture = (clip if crop is None else video.crop(clip, video.parse_box(crop))).frames[0]
    if background:
        picture = paint.replace_background(picture, background)
    if recolour:
        picture = paint.recolour_hair(picture, recolour)
    if smile:
        picture = paint.add_smile(picture)
    if glasses:
        picture = paint.draw_glasses(picture)
    if hat:
        picture = paint.draw_hat(picture)
    video.write_image(out, picture)
    typer.echo(f"{out}: pass it on with synclora edit {source} --first-frame {out}")
