"""Build pairs one after another, so that a build that was killed goes on where it was.

Pair k of a build is drawn from the build's seed and k alone. Its clips are written whole under
their final names, then its line is added to the manifest: a kill between the two costs that pair
only, and the next run makes the same bytes again.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from filelock import FileLock, Timeout
from jaxtyping import UInt8
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from synclora_lite.errors import PairError
from synclora_lite.files import sha256
from synclora_lite.pairs.manifest import (
    MANIFEST,
    Media,
    Pair,
    append_pair,
    check_inside,
    intact,
    manifest_path,
    read_manifest,
    write_manifest,
)
from synclora_lite.portraits import EDIT_KINDS
from synclora_lite.portraits.edits import HELD_OUT
from synclora_lite.video import write_clip

Frames = UInt8[np.ndarray, "frames height width 3"]
STRIDE = 1_000_003  # seeds of two builds are so far apart
MAX_SEED = HELD_OUT // STRIDE - 1  # beyond this, pairs would reach the held-out seeds
FOLDERS = ("source", "edited")
LOCK = ".lock"


@dataclass(frozen=True)
class Drawn:
    """What a builder made of one seed."""

    source: Frames
    edited: Frames
    fps: float
    parameters: dict[str, Any] = field(default_factory=dict)


@runtime_checkable
class Builder(Protocol):
    """Draws pairs; a frozen dataclass of settings, so that it can be sent to other processes."""

    @property
    def name(self) -> str:
        """For the manifest."""

    def settings(self) -> dict[str, Any]:
        """Return all that decides what it draws, but the seed, as JSON values."""

    def draw(self, seed: int, kind: str) -> Drawn:
        """Make the pair of this seed; the same every time."""


def build(
    folder: str | Path,
    builder: Builder,
    pairs: int,
    *,
    seed: int = 0,
    kinds: Sequence[str] = EDIT_KINDS,
    jobs: int = 1,
    progress: bool = False,
) -> list[Pair]:
    """Make pairs 0 .. `pairs` - 1 of a build, without those that are there already.

    A folder may hold several builds: their pairs follow one another in the manifest.

    Args:
        folder: Made if need be.
        builder: `Exact`, `Corrupted` or `Generated`.
        pairs: How many this build has in the end.
        seed: Of the build, 0..MAX_SEED.
        kinds: Kinds of edit, which take turns.
        jobs: Processes.
        progress: Show a progress bar.

    Returns:
        The pairs of this build, in order.

    Raises:
        PairError: The folder holds the same build with other settings, another process is at
            work in it, or a setting makes no sense.

    """
    _check(pairs, seed, kinds)
    folder = Path(folder)
    with alone(folder):
        known = {pair.id: pair for pair in read_manifest(folder)} if _started(folder) else {}
        plan = _plan(builder, pairs, seed, kinds)
        for entry in plan:
            _check_same(entry, known.get(entry.id))
        todo = [e for e in plan if e.id not in known or not intact(folder, known[e.id])]
        work = (delayed(_make)(folder, builder, entry) for entry in todo)
        made = Parallel(n_jobs=min(jobs, max(1, len(todo))), return_as="generator")(work)
        for pair in tqdm(made, total=len(todo), desc=f"{builder.name} pairs", disable=not progress):
            if pair.id in known:
                _check_restored(pair, known[pair.id])
            else:
                append_pair(folder, pair)
                known[pair.id] = pair
    return [known[entry.id] for entry in plan]


def store(
    folder: Path, pair_id: str, clips: tuple[Frames, Frames], fps: float
) -> tuple[Media, Media]:
    """Write the two clips of a pair and return their entries."""
    media = []
    for name, frames in zip(FOLDERS, clips, strict=True):
        path = write_clip(folder / name / f"{pair_id}.mp4", frames, fps)
        media.append(Media(f"{name}/{pair_id}.mp4", sha256(path)))
    return media[0], media[1]


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes from changing the folder, and clear away what a killed one left.

    Raises:
        PairError: Another process is at work in the folder, or a link leads out of it.

    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*FOLDERS, MANIFEST, LOCK):
        check_inside(folder, folder / name)
    try:
        held = FileLock(folder / LOCK).acquire(timeout=0)
    except Timeout as error:
        raise PairError(
            f"another process is at work in {folder}", "one at a time", "wait until it is done"
        ) from error
    with held:
        _sweep(folder)
        yield
        _sweep(folder)


def _sweep(folder: Path) -> None:
    """Remove unfinished files, which have hidden names, and an unfinished last line."""
    for place in (folder, *(folder / name for name in FOLDERS)):
        for path in (*place.glob(".*.????????.mp4"), *place.glob(".*.????????.jsonl")):
            path.unlink(missing_ok=True)
    manifest = manifest_path(folder)
    if manifest.is_file() and not manifest.read_bytes().endswith(b"\n"):
        write_manifest(folder, read_manifest(folder))


@dataclass(frozen=True)
class _Entry:
    """What a pair will be, before it is made."""

    id: str
    builder: str
    kind: str
    seed: int
    parameters: dict[str, Any]


def _plan(builder: Builder, pairs: int, seed: int, kinds: Sequence[str]) -> list[_Entry]:
    settings = json.loads(json.dumps(builder.settings()))
    return [
        _Entry(
            id=f"{builder.name}-{seed}-{k:06d}",
            builder=builder.name,
            kind=kinds[k % len(kinds)],
            seed=seed * STRIDE + k,
            parameters=settings,
        )
        for k in range(pairs)
    ]


def _make(folder: Path, builder: Builder, entry: _Entry) -> Pair:
    drawn = builder.draw(entry.seed, entry.kind)
    media = store(folder, entry.id, (drawn.source, drawn.edited), drawn.fps)
    return Pair(
        entry.id,
        *media,
        builder=entry.builder,
        kind=entry.kind,
        seed=entry.seed,
        parameters=entry.parameters | drawn.parameters,
        frames=len(drawn.source),
        fps=drawn.fps,
    )


def _started(folder: Path) -> bool:
    return manifest_path(folder).is_file()


def _check_same(entry: _Entry, pair: Pair | None) -> None:
    if pair is None:
        return
    wanted = {"kind": entry.kind, "seed": entry.seed, **entry.parameters}
    found = {"kind": pair.kind, "seed": pair.seed, **pair.parameters}
    for name, value in wanted.items():
        if found.get(name) != value:
            raise PairError(
                f"{pair.id} was built with {name} {found.get(name)}, now it is {value}",
                "the settings of the build that this folder holds",
                "use them, another seed, or another folder",
            )


def _check_restored(made: Pair, known: Pair) -> None:
    if (made.source, made.edited) != (known.source, known.edited):
        raise PairError(
            f"{known.id} was lost or changed, and building it again gives other bytes",
            "the software it was built with",
            "build into a new folder",
        )


def _check(pairs: int, seed: int, kinds: Sequence[str]) -> None:
    if not 1 <= pairs <= STRIDE:
        raise PairError(f"{pairs} pairs", f"1 to {STRIDE}")
    if not 0 <= seed <= MAX_SEED:
        raise PairError(f"seed {seed}", f"0 to {MAX_SEED}", "larger seeds are held out for exams")
    wrong = [kind for kind in kinds if kind not in EDIT_KINDS]
    if wrong or not kinds:
        raise PairError(f"kinds of edit {', '.join(wrong) or 'none'}", ", ".join(EDIT_KINDS))
