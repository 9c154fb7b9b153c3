"""`synclora score`: how well an edit follows its source, cue by cue, and one verdict."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from synclora_lite.sync import SyncReport
    from synclora_lite.video import Clip


REJECTED = 3  # exit status


def score(
    source: Annotated[Path, typer.Argument(help="The source clip, or a two-panel clip.")],
    edited: Annotated[Path | None, typer.Argument(help="The edited clip.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the traces into this picture.")] = None,
    crop: Annotated[
        list[str] | None,
        typer.Option(help="x0,y0,x1,y1; once for both clips, twice for source and edit."),
    ] = None,
    side_by_side: Annotated[
        bool, typer.Option("--side-by-side", help="SOURCE holds both panels: source | edit.")
    ] = False,
    person: Annotated[
        int | None,
        typer.Option(
            min=1, help="Of several people, by number from the left.", show_default="largest face"
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict/--no-strict", help="End with status 3 on reject.")
    ] = True,
    cache: Annotated[bool, typer.Option(help="Keep landmarks and use kept ones.")] = True,
) -> None:
    """Score the synchronization of two clips of a person: head, mouth, gaze, blinks, gestures.

    Exit status: 0 for accept, 3 for reject (0 with --no-strict), 1 for an error, 2 for a command
    line that makes no sense.
    """
    from dataclasses import replace

    from synclora_lite.sync.plot import save_plot
    from synclora_lite.sync.score import score_tracks
    from synclora_lite.sync.sides import track_pair

    pair = load_pair(source, edited, crop or [], side_by_side=side_by_side)
    for note in dict.fromkeys(pair[0].notes + pair[1].notes):
        typer.echo(f"Note: {note}", err=True)
    panels = side_by_side or source == edited
    pair = (replace(pair[0], person=person), pair[1])
    tracks = track_pair(pair, panels=panels, cache=cache)
    report = score_tracks(*tracks)
    if plot is not None:
        save_plot(plot, tracks, report, fps=pair[0].fps)
    if as_json:
        typer.echo(report.to_json())
    else:
        _show(report)
    if strict and not report.accepted:
        raise typer.Exit(REJECTED)


def load_pair(
    source: Path, edited: Path | None, crops: list[str], *, side_by_side: bool
) -> tuple["Clip", "Clip"]:
    """Read the two clips, cut out the panels, and bring both to one frame rate.

    Raises:
        VideoError: A file cannot be read, a crop does not fit, or a clip is missing.

    """
    from synclora_lite import video
    from synclora_lite.errors import VideoError
    from synclora_lite.sync.sides import same_rate

    boxes = [video.parse_box(text) for text in crops]
    if len(boxes) > 2 or (side_by_side and boxes):
        raise VideoError(
            f"{len(boxes)} crops" + (" and --side-by-side" if side_by_side else ""),
            "at most one --crop for each clip, or --side-by-side alone",
        )
    if side_by_side and edited is not None:
        raise VideoError("two clips with --side-by-side", "one clip that holds both panels")
    if side_by_side:
        return video.side_by_side(source)
    if edited is None:
        raise VideoError(
            "one clip",
            "two clips",
            "name the edited clip, or add --side-by-side for a two-panel one",
        )
    clips = video.read_clip(source), video.read_clip(edited)
    if boxes:
        clips = video.crop(clips[0], boxes[0]), video.crop(clips[1], boxes[-1])
    return same_rate(*clips)


def _show(report: "SyncReport") -> None:
    from rich.console import Console

    console = Console(soft_wrap=False)
    console.print(_table(report))
    blinks, offset = report.blinks, report.offset
    if blinks.judged:
        console.print(
            f"blinks: {len(blinks.source)} in the source, {len(blinks.edited)} in the edit, "
            f"precision {_number(blinks.precision)}, recall {_number(blinks.recall)}"
        )
    for name, gesture in report.gestures.items():
        if gesture.judged:
            console.print(f"{name.replace('_', ' ')}: {gesture.distance:.2f} shoulder widths apart")
    console.print(f"offset: {offset.offset:+.2f} frames (confidence {offset.confidence:.2f})")
    colour = "green" if report.accepted else "red"
    console.print(f"[bold {colour}]{report.verdict}[/], weight {report.weight:.2f}")
    for reason in report.reasons:
        console.print(f"  - {reason}", highlight=False)


def _table(report: "SyncReport") -> "Table":
    from rich.table import Table

    columns = ("cue", "r", "lag", "sure", "size", "seen", "")
    table = Table(title=f"{report.frames} frames")
    for column in columns:
        table.add_column(column, no_wrap=True, justify="left" if column in ("cue", "") else "right")
    for name, cue in report.cues.items():
        values = (cue.pearson, cue.lag, cue.confidence, cue.amplitude, cue.coverage)
        note = "" if cue.judged else "not judged"
        style = None if cue.judged else "dim"
        table.add_row(name, *map(_number, values), note, style=style)
    return table


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "-"
