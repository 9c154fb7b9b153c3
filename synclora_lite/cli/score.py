"""`synclora score`: how well an edit follows its source, cue by cue, and one verdict."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from synclora_lite.cli._options import REJECTED, AsJson, Person, Strict, of_course

if TYPE_CHECKING:
    from synclora_lite.sync import SyncReport
    from synclora_lite.video import Clip


def score(
    source: Annotated[Path, Argument(help="The source clip, or a two-panel clip.")],
    edited: Annotated[Path | None, Argument(help="The edited clip.")] = None,
    *,
    as_json: AsJson = False,
    plot: Annotated[Path | None, Option(help="Draw the traces (PNG).")] = None,
    crop: Annotated[
        list[str], Option(help="x0,y0,x1,y1; once for both clips, twice for source and edit.")
    ] = [],
    side_by_side: Annotated[
        bool, Option("--side-by-side", help="SOURCE holds both panels: source | edit.")
    ] = False,
    person: Person = None,
    identity: Annotated[
        bool, Option("--identity", help="Compare faces too; photographs only, 24 MB once.")
    ] = False,
    strict: Strict = True,
) -> None:
    """Score the synchronization of two clips of a person: head, mouth, gaze, blinks, gestures.

    Exit status: 0 for accept, 3 for reject (0 with --no-strict), 1 for an error, 2 for a command
    line that makes no sense.
    """
    from synclora_lite.sync.score import score_tracks, track_pair

    first, second = _load_pair(source, edited, crop, side_by_side=side_by_side)
    for note in dict.fromkeys(first.notes + second.notes):
        typer.echo(f"Note: {note}", err=True)
    panels = side_by_side or source == edited
    tracks = track_pair(replace(first, person=person), second, panels=panels)
    report = score_tracks(*tracks)
    if plot is not None:
        from synclora_lite.sync.traces import CUES, cue_traces
        from synclora_lite.viz import plot_traces

        sides = zip(("source", "edit"), tracks, strict=True)
        traces = {name: cue_traces(track[: report.frames]) for name, track in sides}
        judged = {name: cue.pearson for name, cue in report.cues.items() if cue.judged}
        notes = {n: f"r = {judged[n]:.2f}" if n in judged else "not judged" for n in CUES}
        plot_traces(traces, CUES, fps=first.fps, notes=notes).save(plot)
    faces = {}
    if identity:
        recognition = of_course("recognition")
        faces = recognition.same_person((first, second), tracks, recognition.network())
    if as_json:
        values = report.to_dict() | ({"identity": faces} if faces else {})
        typer.echo(json.dumps(values, indent=2))
    else:
        _show(report)
        for name, cosine in faces.items():
            words = name.replace("_", " ")
            typer.echo(f"identity {words}: {cosine:.2f} (one person from {recognition.SAME} up)")
    if strict and not report.accepted:
        raise typer.Exit(REJECTED)


def _load_pair(
    source: Path, edited: Path | None, crops: list[str], *, side_by_side: bool
) -> tuple["Clip", "Clip"]:
    """Read the two clips, cut out the panels, and bring both to one frame rate."""
    from synclora_lite import video
    from synclora_lite.sync.score import same_rate

    boxes = [video.parse_box(text) for text in crops]
    if len(boxes) > 2 or (side_by_side and boxes):
        given = f"{len(boxes)} crops" + (" and --side-by-side" if side_by_side else "")
        raise video.VideoError(given, "one --crop for each clip, or --side-by-side alone")
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
    columns = ("pearson", "lag", "confidence", "amplitude", "coverage")  # as in the page of an edit
    typer.echo(f"{report.frames} frames\n{'cue':<11} " + " ".join(f"{c:>10}" for c in columns))
    for name, cue in report.cues.items():
        cells = " ".join(f"{_number(getattr(cue, column)):>10}" for column in columns)
        typer.echo(f"{name:<11} {cells}{'' if cue.judged else '  not judged'}")
    blinks, offset = report.blinks, report.offset
    if blinks.judged:
        typer.echo(
            f"blinks: {len(blinks.source)} in the source, {len(blinks.edited)} in the edit, "
            f"precision {_number(blinks.precision)}, recall {_number(blinks.recall)}"
        )
    for name, gesture in report.gestures.items():
        if gesture.judged:
            typer.echo(f"{name.replace('_', ' ')}: {gesture.distance:.2f} shoulder widths apart")
    typer.echo(f"offset: {offset.offset:+.2f} frames (confidence {offset.confidence:.2f})")
    typer.echo(f"{report.verdict}, weight {report.weight:.2f}")
    for reason in report.reasons:
        typer.echo(f"  - {reason}")


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "-"
