"""Save rejected pairs that are merely late or early: shift, crop to a legal length, score again."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from synclora_lite.errors import PairError
from synclora_lite.pairs.folder import alone, in_turn, store
from synclora_lite.pairs.manifest import Pair, append_pair, locate, manifest_path, read_manifest
from synclora_lite.pairs.scoring import score_pair, scorer_version
from synclora_lite.sync import realign
from synclora_lite.video import read_clip


@dataclass(frozen=True)
class Realignment:
    """What became of one rejected pair."""

    id: str  # of the rejected pair
    shift: int  # frames by which its edit was late (negative: early); 0 if none was certain
    saved: Pair | None  # the accepted pair it became, already in the manifest


def realign_pairs(
    folder: str | Path, *, step: int = 4, jobs: int = 1, progress: bool = False
) -> list[Realignment]:
    """Try to save every rejected pair; those that are accepted then join the manifest.

    The rejected pair stays as it is. A pair that was saved before is not saved twice. `step` is
    the temporal ratio of the video autoencoder: clips get k * step + 1 frames.

    Raises PairError if a pair has no score, its parameters about an earlier realignment make no
    sense, or what it would become has no legal name, or one that is taken.
    """
    folder, scorer = manifest_path(folder).parent, scorer_version()
    with alone(folder):
        pairs = read_manifest(folder)
        for pair in pairs:
            if pair.verdict is None:
                advice = "run `synclora pairs score`"
                raise PairError(f"{pair.id} has no score", "scored pairs", advice)
        rejected = [pair for pair in pairs if pair.verdict == "reject"]
        found = {e.id: e for e in map(_as_before, pairs) if e is not None}
        todo = [pair for pair in rejected if pair.id not in found]
        for pair in todo:
            new_id = Pair.from_row(pair.to_row() | {"id": f"{pair.id}-realigned"}).id
            if new_id in {pair.id for pair in pairs}:
                raise PairError(
                    f"there is a pair {new_id} already, not known to come from {pair.id}",
                    "a name that is free",
                    "rename or remove one of the two in the manifest",
                )
        work = partial(_realign, folder, step=step, scorer=scorer)
        for entry in in_turn(work, todo, jobs=jobs, label="realigning", progress=progress):
            found[entry.id] = entry
            if entry.saved is not None:
                append_pair(folder, entry.saved)
    return [found[pair.id] for pair in rejected]


def _realign(folder: Path, pair: Pair, step: int, scorer: str) -> Realignment:
    source, edited = (read_clip(locate(folder, m.path)).frames for m in (pair.source, pair.edited))
    try:
        result = realign(source, edited, step=step)
    except PairError:  # too few frames would remain
        return Realignment(pair.id, 0, None)
    if not result.saved:
        return Realignment(pair.id, result.shift, None)
    new_id = f"{pair.id}-realigned"
    media = store(folder, new_id, (result.source, result.edited), pair.fps)
    origin = {"realigned_from": pair.id, "shift": result.shift}
    moved = replace(pair, id=new_id, source=media[0], edited=media[1],
                    parameters=pair.parameters | origin, frames=len(result.source))  # fmt: skip
    saved = score_pair(folder, moved, scorer)
    return Realignment(pair.id, result.shift, saved if saved.verdict == "accept" else None)


def _as_before(pair: Pair) -> Realignment | None:
    """Return how a pair was saved earlier, or None if it is no realigned one."""
    if "realigned_from" not in pair.parameters:
        return None
    origin, shift = pair.parameters["realigned_from"], pair.parameters.get("shift")
    if not isinstance(origin, str) or type(shift) is not int:
        what = f"the parameters of {pair.id} are broken"
        raise PairError(what, "an id as realigned_from, a number as shift")
    return Realignment(origin, shift, pair)
