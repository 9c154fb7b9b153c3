"""`synclora pairs`: build, score, filter, realign, export and import training pairs."""

import json
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from synclora_lite.cli._options import AsJson, Jobs, Person, Record, of_course

app = typer.Typer(
    help="Make training pairs: same motion, another appearance.", no_args_is_help=True,
    add_completion=False, rich_markup_mode=None,
)  # fmt: skip

Folder = Annotated[Path, Argument(help="Folder of the pairs.")]
Manifest = Annotated[Path, Argument(help="Folder of the pairs, or a manifest in it.")]


@app.command()
def build(
    folder: Folder,
    *,
    builder: Annotated[str, Option(help="exact, corrupted or generated.")] = "exact",
    pairs: Annotated[int, Option(help="How many in the end.")] = 16,
    seed: Annotated[int, Option(help="Of the build.")] = 0,
    size: Annotated[int, Option(help="Side of the clips in pixels.", min=16)] = 96,
    frames: Annotated[int, Option(help="Of each clip.", min=2)] = 17,
    kind: Annotated[list[str], Option(help="Kind of edit; may be repeated.")] = [],
    corruption: Annotated[list[str], Option(help="What goes wrong (corrupted); repeatable.")] = [],
    model: Annotated[str, Option(help="lite or a folder (generated).")] = "lite",
    steps: Annotated[int, Option(help="Of the sampler (generated).", min=1)] = 20,
    jobs: Jobs = 1,
) -> None:
    """Build pairs; a build that was stopped goes on where it was."""
    from synclora_lite import pairs as room
    from synclora_lite.errors import ConfigError
    from synclora_lite.portraits import EDIT_KINDS

    maker: room.Builder
    if builder == "exact":
        maker = room.Exact(frames, size)
    elif builder == "corrupted":
        maker = of_course("corruption").Corrupted(frames, size, tuple(corruption))
    elif builder == "generated":
        from synclora_lite.pairs.generated import Generated

        maker = Generated(model, frames, size, steps)
    else:
        raise ConfigError(f"the builder {builder!r}", "exact, corrupted or generated")
    made = room.build(folder, maker, pairs, seed=seed, kinds=kind or EDIT_KINDS, jobs=jobs)
    typer.echo(f"{len(made)} {maker.name} pairs of seed {seed} in {folder}")


@app.command()
def add(
    folder: Folder,
    source: Annotated[Path, Argument(help="Source clip, or a two-panel clip.")],
    edited: Annotated[Path | None, Argument(help="Edited clip.")] = None,
    *,
    kind: Annotated[str, Option(help="Kind of edit, in words.")] = "real",
) -> None:
    """Add a pair from two clips, or from one that shows source | edit side by side."""
    from synclora_lite.pairs import add_files

    pair = add_files(folder, source, edited, kind=kind)
    typer.echo(f"{pair.id}: {pair.frames} frames at {pair.fps:g} a second")


@app.command()
def score(
    folder: Manifest,
    *,
    jobs: Jobs = 1,
    again: Annotated[bool, Option("--again", help="Score all again.")] = False,
    person: Person = None,
    as_json: AsJson = False,
) -> None:
    """Score the synchronization of every pair that has no score yet."""
    from synclora_lite.pairs import score_pairs

    pairs = score_pairs(folder, jobs=jobs, again=again, person=person)
    if as_json:
        typer.echo(json.dumps([pair.to_row() for pair in pairs], indent=2))
    for pair in pairs if not as_json else ():
        reasons = "; ".join((pair.score or {}).get("reasons", []))
        typer.echo(f"{pair.verdict:<7} {pair.weight:.2f}  {pair.id}  {reasons}")


@app.command(name="filter")
def filter_(
    folder: Manifest,
    *,
    out: Annotated[str, Option(help="Name of the manifest of those kept.")] = "kept.jsonl",
    limit: Annotated[float, Option(help="1 is the verdict, less is stricter.")] = 1.0,
    leave_out: Annotated[list[str], Option(help="Cue not to look at; may be repeated.")] = [],
    record: Record = False,
) -> None:
    """Keep the pairs that pass, in a second manifest, and show where the others were lost."""
    from synclora_lite import pairs as room
    from synclora_lite.errors import PairError
    from synclora_lite.pairs.manifest import manifest_path

    path = manifest_path(folder).parent / Path(out).name
    if path.name != out or path.suffix != ".jsonl" or path == manifest_path(folder):
        raise PairError(f"the name {out!r}", "another file name ending in .jsonl")
    pairs = room.read_manifest(folder)
    kept = room.filter_pairs(pairs, limit=limit, leave_out=leave_out)
    room.write_manifest(path, kept)
    if record:
        of_course("funnel").record_funnel(pairs)
    for step in room.funnel(pairs, limit=limit, leave_out=leave_out):
        typer.echo(f"{step.name:<8} {step.left:>6} left {step.lost:>6} lost")
    typer.echo(f"kept {len(kept)} of {len(pairs)} pairs in {path}")


@app.command()
def realign(folder: Folder, *, jobs: Jobs = 1) -> None:
    """Shift rejected pairs that are merely late or early, and keep those that then pass."""
    from synclora_lite.pairs import read_manifest, realign_pairs

    entries = realign_pairs(folder, jobs=jobs)
    for entry in entries:
        typer.echo(f"{entry.shift:+3d} frames  {'saved' if entry.saved else '-':<6} {entry.id}")
    saved = sum(entry.saved is not None for entry in entries)
    accepted = sum(pair.verdict == "accept" for pair in read_manifest(folder))
    typer.echo(f"accepted {accepted - saved}, with realignment {accepted}")


@app.command()
def export(
    folder: Manifest,
    out: Annotated[Path, Argument(help="Folder to write.")],
    *,
    layout: Annotated[
        str, Option("--for", help="ltx (as the public data set), diffusers, or ltx-2-trainer.")
    ] = "ltx",
) -> None:
    """Write the pairs of a manifest, such as kept.jsonl, in a layout that trainers read."""
    from synclora_lite.pairs import export_pairs, read_manifest

    pairs = read_manifest(folder)
    path = export_pairs(folder, pairs, out, layout)
    typer.echo(f"{len(pairs)} pairs, listed in {path}")


@app.command(name="import")
def import_(
    folder: Folder, data: Annotated[Path, Argument(help="A data set with its metadata file.")]
) -> None:
    """Read an exported or public data set into a folder of pairs."""
    from synclora_lite.pairs import import_pairs

    typer.echo(f"{len(import_pairs(folder, data))} pairs in {folder}")
