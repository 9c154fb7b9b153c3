"""`synclora course`: notebooks for students and instructors; and three commands of the chapters."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from synclora_course.errors import CourseError
from synclora_lite.cli._options import AsJson, Crop, Record, Restore

app = typer.Typer(
    no_args_is_help=True,
    help="Make the notebooks of a course from the chapters.",
    rich_markup_mode=None,
)
MEANS = ("sync", "edit_kept", "blink_f1", "in_time", "psnr", "ssim", "identity")
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
    line = f"synclora edit {source} --first-frame {out} --out {out.with_suffix('.mp4')}"
    typer.echo(f"{out}: pass it on with {line}")


def estimate(
    *,
    model: Annotated[
        str, Option(help="ltx-video-2b, ltx-video-13b, ltx-2.3, lite, a folder or hub name.")
    ] = "ltx-video-2b",
    frames: Annotated[int, Option(min=1, help="Frames of a clip.")] = 81,
    size: Annotated[int, Option(min=1, help="Side of the clip in pixels.")] = 512,
    rank: Annotated[int, Option(min=1, help="Rank of the adapter.")] = 128,
    batch: Annotated[int, Option(min=1, help="Clips at once.")] = 1,
    gpu: Annotated[float, Option(min=0.1, help="Memory of the card in GB.")] = 24.0,
    teraflops: Annotated[
        float, Option(min=0.01, help="The card's peak rate in bfloat16, TFLOP/s.")
    ] = 165.0,
    edit: Annotated[bool, Option("--edit", help="Estimate an edit, not training.")] = False,
    checkpointing: Annotated[
        bool, Option("--checkpointing", help="Recompute activations.")
    ] = False,
    eight_bit: Annotated[bool, Option("--8bit", help="8-bit AdamW.")] = False,
    offload: Annotated[
        bool, Option("--offload", help="The autoencoder waits in main memory.")
    ] = False,
    int8: Annotated[
        bool, Option("--int8", help="The frozen base in 8 bits (training of ltx-2.3).")
    ] = False,
    block_offload: Annotated[
        bool,
        Option("--block-offload", help="Frozen blocks wait in main memory (training of ltx-2.3)."),
    ] = False,
) -> None:
    """Estimate memory by part and time per step, and say what to switch if it does not fit."""
    from synclora_course.estimate import Job, advice
    from synclora_course.estimate import estimate as run
    from synclora_course.estimate.memory import UTILISATION
    from synclora_lite.errors import ConfigError

    if (int8 or block_offload) and (edit or model != "ltx-2.3"):
        asked = "--int8" if int8 else "--block-offload"
        raise ConfigError(f"{asked} for this", "--model ltx-2.3 without --edit", "leave it out")
    job = Job(
        model, frames, size, rank, batch, checkpointing, eight_bit, offload, training=not edit
    )
    job = replace(job, quantise="int8" if int8 else "none", block_offload=block_offload)
    found = run(job)
    for part, count in found.parameters.items():
        typer.echo(f"{part:32s} {count / 1e6:10.1f} million parameters")
    for part, value in found.memory.items():
        typer.echo(f"{part:32s} {value / 1e9:10.2f} GB")
    typer.echo(f"{'peak':32s} {found.peak / 1e9:10.2f} GB of {gpu:g}")
    step = "sampling step" if edit else "training step"
    typer.echo(
        f"{step:32s} {found.operations / 1e12:10.1f} TFLOP, {found.seconds(teraflops):.2f} s at "
        f"{UTILISATION:.0%} of {teraflops:g} TFLOP/s, {found.tokens} tokens"
    )
    fits = found.peak <= gpu * 1e9
    typer.echo("It fits." if fits else "It does not fit. What helps:")
    for line in () if fits else advice(job, gpu):
        typer.echo(f"  {line}")


def exam(
    method: Annotated[
        list[str], Option(help="A method of `synclora edit`, truth, or ceiling; may be repeated.")
    ],
    *,
    clips: Annotated[int, Option(help="How many held-out clips.", min=1)] = 64,
    seed: Annotated[int, Option(help="Of the clips.", min=0)] = 0,
    size: Annotated[int, Option(help="Side of the clips in pixels.", min=16)] = 96,
    frames: Annotated[int, Option(help="Of each clip.", min=2)] = 17,
    condition: Annotated[
        str, Option(help="moved, redrawn, lively, turned, occluded, relit, long or real-like.")
    ] = "exact",
    model: Annotated[str, Option(help="lite or a folder.")] = "lite",
    adapter: Annotated[str, Option(help="lite-adapter or a folder.")] = "lite-adapter",
    steps: Annotated[int | None, Option(help="Of the sampler.", min=1)] = None,
    restore: Restore = False,
    out: Annotated[Path, Option(help="Where judged clips are kept.")] = Path("runs/exam"),
    record: Record = False,
    as_json: AsJson = False,
) -> None:
    """Examine methods on held-out portraits; an exam that was stopped goes on where it was."""
    from synclora_course.exam import Exam, record_exam, run_exam, summarize

    results: dict[str, dict[str, Any]] = {}
    asked = {"model": model, "steps": steps, "adapter": adapter, "restore": restore}
    for name in method:
        options = {n: value for n, value in asked.items() if n in Exam(name).needs and value}
        settings = Exam(name, seed, size, frames, condition, options=options)
        rows = run_exam(settings, clips, folder=out, progress=sys.stderr.isatty())
        if record:
            record_exam(settings, rows)
        described = settings.to_dict() | {"weights": settings.weights()}
        results[settings.label] = {"exam": described, **summarize(rows)}
    if as_json:
        typer.echo(json.dumps(results, indent=2))
        return
    width = max(14, *map(len, results))
    typer.echo(f"{'method':<{width}} clips " + " ".join(f"{name:>10}" for name in MEANS))
    for label, result in results.items():
        cells = (result["all"].get(name) for name in MEANS)
        means = " ".join(f"{cell['mean']:>10.3f}" if cell else f"{'-':>10}" for cell in cells)
        typer.echo(f"{label:<{width}} {result['clips']:>5} {means}")
