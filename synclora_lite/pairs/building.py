"""Build pairs one after another, so that a build that was killed goes on where it was; add others.

Pair k is drawn from the build's seed and k alone. Its clips are written whole, then its line is
added to the manifest: a kill between the two costs that pair only, which is made again.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from synclora_lite.errors import PairError
from synclora_lite.files import sha256
from synclora_lite.pairs.folder import Frames, alone, in_turn, store
from synclora_lite.pairs.manifest import Pair, append_pair, intact, known_pairs
from synclora_lite.portraits import EDIT_KINDS, edit_case, render_batch
from synclora_lite.portraits.edits import HELD_OUT
from synclora_lite.sync.score import same_rate
from synclora_lite.video import read_clip, side_by_side

STRIDE = 1_000_003  # seeds of two builds are so far apart
MAX_SEED = HELD_OUT // STRIDE - 1  # beyond this, pairs would reach the held-out seeds


@dataclass(frozen=True)
class Drawn:
    """What a builder made of one seed."""

    source: Frames
    edited: Frames
    fps: float
    parameters: dict[str, Any] = field(default_factory=dict)


class Builder:
    """Draws pairs; a frozen dataclass of settings, so that it can be sent to other processes."""

    name: ClassVar[str]  # for the manifest

    def settings(self) -> dict[str, Any]:
        """Return all that decides what it draws, but the seed."""
        return asdict(self)  # type: ignore[call-overload,no-any-return]

    def draw(self, seed: int, kind: str) -> Drawn:
        """Make the pair of this seed; the same every time."""
        raise NotImplementedError


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
) -> list[Pair]:
    """Make pairs 0 .. `pairs` - 1 of a build in `jobs` processes, without those already there.

    The seed is within 0..MAX_SEED; the kinds of edit take turns. Raises PairError if the folder
    holds the same build with other settings, or is in use, or a setting makes no sense.
    """
    _check(pairs, seed, kinds)
    folder, settings = Path(folder), json.loads(json.dumps(builder.settings()))
    plan = [
        (f"{builder.name}-{seed}-{k:06d}", kinds[k % len(kinds)], seed * STRIDE + k)
        for k in range(pairs)
    ]
    with alone(folder):
        known = known_pairs(folder)
        for pair_id, kind, drawn_from in plan:
            if pair_id in known:
                _check_same(known[pair_id], {"kind": kind, "seed": drawn_from, **settings})
        todo = [d for d in plan if d[0] not in known or not intact(folder, known[d[0]])]
        work = partial(_make, folder, builder, settings)
        for pair in in_turn(work, todo, jobs=jobs, label=f"{builder.name} pairs"):
            if pair.id not in known:
                append_pair(folder, pair)
            elif not pair.same_clips(known[pair.id]):
                what = f"{pair.id} was lost or changed, and building it again gives other bytes"
                raise PairError(what, "the software it was built with", "build into a new folder")
            known.setdefault(pair.id, pair)
    return [known[pair_id] for pair_id, *_ in plan]


def add_files(
    folder: str | Path, source: str | Path, edited: str | Path | None = None, *, kind: str = "real"
) -> Pair:
    """Add one pair, written again with one frame rate and length; never twice.

    Without `edited`, the source is a clip of two panels; `kind` says in words what was edited.
    """
    files, folder = [Path(path) for path in (source, edited) if path is not None], Path(folder)
    for path in files:
        if not path.is_file():
            raise PairError(f"no file at {path}", "a video file")
    digests = [sha256(path) for path in files]
    slug = re.sub(r"[^A-Za-z0-9]+", "-", files[0].stem).strip("-")[:60].lower() or "pair"
    pair_id = f"{slug}-{''.join(digest[:8] for digest in digests)}"
    with alone(folder):
        if (known := known_pairs(folder).get(pair_id)) is not None:
            return known
        panels = len(files) == 1
        first, second = side_by_side(files[0]) if panels else same_rate(*map(read_clip, files))
        if first.size != second.size:
            sizes = " and ".join(f"{clip.size[1]}x{clip.size[0]}" for clip in (first, second))
            advice = "crop or resize one of them"
            raise PairError(f"clips of {sizes} pixels", "two clips of one size", advice)
        frames = min(len(first), len(second))
        media = store(folder, pair_id, (first.frames[:frames], second.frames[:frames]), first.fps)
        parameters = {"files": [p.name for p in files], "sha256": digests, "panels": panels}
        pair = Pair(pair_id, *media, "files", kind, None, parameters, frames, first.fps)
        append_pair(folder, pair)
    return pair


def _make(
    folder: Path, builder: Builder, settings: dict[str, Any], entry: tuple[str, str, int]
) -> Pair:
    """Draw one pair and write its clips."""
    pair_id, kind, seed = entry
    drawn = builder.draw(seed, kind)
    media = store(folder, pair_id, (drawn.source, drawn.edited), drawn.fps)
    parameters, frames = settings | drawn.parameters, len(drawn.source)
    return Pair(pair_id, *media, builder.name, kind, seed, parameters, frames, drawn.fps)


def _check_same(pair: Pair, wanted: dict[str, Any]) -> None:
    found = {"kind": pair.kind, "seed": pair.seed, **pair.parameters}
    for name, value in wanted.items():
        if found.get(name) != value:
            what = f"{pair.id} was built with {name} {found.get(name)}, now it is {value}"
            expected = "the settings of the build that this folder holds"
            raise PairError(what, expected, "use them, another seed, or another folder")


def _check(pairs: int, seed: int, kinds: Sequence[str]) -> None:
    if not 1 <= pairs <= STRIDE:
        raise PairError(f"{pairs} pairs", f"1 to {STRIDE}")
    if not 0 <= seed <= MAX_SEED:
        raise PairError(f"seed {seed}", f"0 to {MAX_SEED}", "larger seeds are held out for exams")
    wrong = [kind for kind in kinds if kind not in EDIT_KINDS]
    if wrong or not kinds:
        raise PairError(f"kinds of edit {', '.join(wrong) or 'none'}", ", ".join(EDIT_KINDS))
