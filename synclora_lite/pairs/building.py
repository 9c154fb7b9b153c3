"""Build pairs one after another, so that a build that was killed goes on where it was.

Pair k of a build is drawn from the build's seed and k alone. Its clips are written whole under
their final names, then its line is added to the manifest: a kill between the two costs that pair
only, and the next run makes the same bytes again.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from synclora_lite.errors import PairError
from synclora_lite.pairs.folder import Frames, alone, in_turn, store
from synclora_lite.pairs.manifest import Pair, append_pair, intact, manifest_path, read_manifest
from synclora_lite.portraits import EDIT_KINDS, edit_case, render_batch
from synclora_lite.portraits.edits import HELD_OUT

STRIDE = 1_000_003  # seeds of two builds are so far apart
MAX_SEED = HELD_OUT // STRIDE - 1  # beyond this, pairs would reach the held-out seeds


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
        return asdict(self)  # type: ignore[call-overload,no-any-return]

    def draw(self, seed: int, kind: str) -> Drawn:
        """Make the pair of this seed; the same every time."""


@dataclass(frozen=True)
class Exact(Builder):
    """One motion rendered with two appearances: synchronized by construction."""

    name: ClassVar[str] = "exact"
    frames: int = 17
    size: int = 96

    def draw(self, seed: int, kind: str) -> Drawn:
        """Render both clips of one edit."""
        case = edit_case(seed, kind, self.frames)
        clips = render_batch([case.source, case.edited], [case.motion] * 2, self.size).numpy()
        return Drawn(clips[0], clips[1], case.motion.fps)


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
    settings = json.loads(json.dumps(builder.settings()))
    with alone(folder):
        there = manifest_path(folder).is_file()
        known = {pair.id: pair for pair in read_manifest(folder)} if there else {}
        plan = {f"{builder.name}-{seed}-{k:06d}": k for k in range(pairs)}
        for pair_id, k in plan.items():
            if pair_id in known:
                wanted = {"kind": kinds[k % len(kinds)], "seed": seed * STRIDE + k, **settings}
                _check_same(known[pair_id], wanted)
        todo = [
            (pair_id, kinds[k % len(kinds)], seed * STRIDE + k)
            for pair_id, k in plan.items()
            if pair_id not in known or not intact(folder, known[pair_id])
        ]
        make = partial(_make, folder, builder, settings)
        for pair in in_turn(
            make, todo, jobs=jobs, label=f"{builder.name} pairs", progress=progress
        ):
            if pair.id in known:
                _check_restored(pair, known[pair.id])
            else:
                append_pair(folder, pair)
                known[pair.id] = pair
    return [known[pair_id] for pair_id in plan]


def _make(
    folder: Path, builder: Builder, settings: dict[str, Any], entry: tuple[str, str, int]
) -> Pair:
    """Draw one pair and write its clips."""
    pair_id, kind, seed = entry
    drawn = builder.draw(seed, kind)
    return Pair(
        pair_id,
        *store(folder, pair_id, (drawn.source, drawn.edited), drawn.fps),
        builder=builder.name,
        kind=kind,
        seed=seed,
        parameters=settings | drawn.parameters,
        frames=len(drawn.source),
        fps=drawn.fps,
    )


def _check_same(pair: Pair, wanted: dict[str, Any]) -> None:
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
