"""`synclora score`: how well an edit follows its source, cue by cue, and one verdict."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synclora_lite.cli._options import AsJson, Person, Strict

if TYPE_CHECKING:
    from synclora_lite.sync import SyncReport
    from synclora_lite.video import Clip


REJECTED = 3  # exit status


def score(
    source: Annotated[Path, typer.Argument(help="The source clip, or a two-panel clip.")],
    edited: Annotated[Path | None, typer.Argument(help="The edited clip.")] = None,
    *,
    as_json: AsJson = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the traces (PNG).")] = None,
    crop: Annotated[
        list[str] | None,
        typer.Option(help="x0,y0,x1,y1; once for both clips, twice for source and edit."),
    ] = None,
    side_by_side: Annotated[
        bool, typer.Option("--side-by-side", help="SOURCE holds both panels: source | edit.")
    ] = False,
    person: Person = None,
    strict: Strict = True,
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

    first, second = _load_pair(source, edited, crop or [], side_by_side=side_by_side)
    for note in dict.fromkeys(first.notes + second.notes):
        typer.echo(f"Note: {note}", err=True)
    panels = side_by_side or source == edited
    tracks = track_pair((replace(first, person=person), second), panels=panels, cache=cache)
    report = score_tracks(*tracks)
    if plot is not None:
        save_plot(plot, tracks, report, fps=first.fps)
    if as_json:
        typer.echo(report.to_json())
    else:
        _show(report)
    if strict and not report.accepted:
        raise typer.Exit(REJECTED)


def _load_pair(
    source: Path, edited: Path | None, crops: list[str], *, side_by_side: bool
) -> tuple["Clip", "Clip"]:
    """Read the two clips, cut out the panels, and bring both to one frame rate."""
    from synclora_lite import video
    from synclora_lite.sync.sides import same_rate

    boxes = [video.parse_box(text) for text in crops]
    if len(boxes) > 2 or (side_by_side and boxes):
        raise video.VideoError(
            f"{len(boxes)} crops" + (" and --side-by-side" if side_by_side else ""),
            "at most one --crop for each clip, or --side-by-side alone",
        )
    if side_by_side and edited is not None:
        raise video.VideoError("two clips with --side-by-side", "one clip that holds both panels")
    if side_by_side:
        return video.side_by_side(source)
    if edited is None:
        advice = "name the edited clip, or add --side-by-side for a two-panel one"
        raise video.VideoError("one clip", "two clips", advice)
    clips = video.read_clip(source), video.read_clip(edited)
    if boxes:
        clips = video.crop(clips[0], boxes[0]), video.crop(clips[1], boxes[-1])
    return same_rate(*clips)


def _show(report: "SyncReport") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{report.frames} frames")
    for column in ("cue", "r", "lag", "sure", "size", "seen", ""):
        table.add_column(column, no_wrap=True, justify="left" if column in ("cue", "") else "right")
    for name, cue in report.cues.items():
        values = (cue.pearson, cue.lag, cue.confidence, cue.amplitude, cue.coverage)
        note, style = ("", None) if cue.judged else ("not judged", "dim")
        table.add_row(name, *map(_number, values), note, style=style)
    console, blinks, offset = Console(soft_wrap=False), report.blinks, report.offset
    console.print(table)
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


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "-"
