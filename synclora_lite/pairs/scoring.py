"""Score the pairs of a folder, and save those that are merely late or early.

Scores are in the manifest, and the landmarks they come from in the user's cache: clips that were
tracked before, in this folder or another or by a run that was stopped, take no time.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from synclora_lite.errors import LandmarkError, PairError, VideoError
from synclora_lite.landmarks.cache import finder_name
from synclora_lite.pairs import manifest
from synclora_lite.pairs.folder import alone, in_turn, store
from synclora_lite.pairs.manifest import Pair
from synclora_lite.settings import build
from synclora_lite.sync import realign, score_files, thresholds
from synclora_lite.video import read_clip


def score_pairs(
    folder: str | Path, *, jobs: int = 1, again: bool = False, person: int | None = None
) -> list[Pair]:
    """Score every pair that has no whole score by the present scorer, in `jobs` processes.

    With `again` the others as well. `person`: see `track`. Returns all pairs of the manifest;
    raises PairError if a file is not as it was built.
    """
    scorer = scorer_version(person)
    with alone(manifest.manifest_path(folder).parent):
        pairs = manifest.read_manifest(folder)
        for pair in pairs:
            manifest.check_intact(folder, pair)
        todo = [pair for pair in pairs if again or not _is_scored(pair, scorer)]
        work = partial(score_pair, folder, scorer=scorer, person=person)
        scored = {pair.id: pair for pair in in_turn(work, todo, jobs=jobs, label="scoring")}
        pairs = [scored.get(pair.id, pair) for pair in pairs]
        if scored:
            manifest.write_manifest(folder, pairs)
    return pairs


def scorer_version(person: int | None = None) -> str:
    """Return a short hash of all that decides a score: finder, person and every threshold."""
    settings = {name: value for name, value in vars(thresholds).items() if name.isupper()}
    text = f"{finder_name()} {sorted(settings.items())} {person}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def score_pair(folder: str | Path, pair: Pair, scorer: str, person: int | None = None) -> Pair:
    """Score one pair; a clip that cannot be read is a reason to reject."""
    try:
        source, edited = (manifest.locate(folder, m.path) for m in (pair.source, pair.edited))
        report = score_files(source, edited, person)
    except (VideoError, LandmarkError) as error:
        checks = {"readable": None}  # None: worse than any number
        found = {"scorer": scorer, "sync_error": None, "reasons": [error.what], "checks": checks}
        return replace(pair, verdict="reject", weight=0.0, score=found)
    full = report.to_dict()
    named = ("sync_error", "reasons", "offset", "faces", "checks")
    score = {"scorer": scorer} | {name: full[name] for name in named}
    score["pearson"] = {n: cue["pearson"] for n, cue in full["cues"].items() if cue["judged"]}
    score["blink_f1"] = full["blinks"]["f1"] if report.blinks.judged else None
    return replace(pair, verdict=report.verdict, weight=full["weight"], score=score)


def _is_scored(pair: Pair, scorer: str) -> bool:
    """Whether a pair has verdict, weight and reasons by this scorer, all of the right kind."""
    with suppress(PairError):
        score = build(manifest.Score, pair.score, error=PairError)
        return score.scorer == scorer and None not in (pair.verdict, pair.weight)
    return False


@dataclass(frozen=True)
class Realignment:
    """What became of one rejected pair."""

    id: str  # of the rejected pair
    shift: int  # frames by which its edit was late (negative: early); 0 if none was certain
    saved: Pair | None = None  # the accepted pair it became, already in the manifest


def realign_pairs(folder: str | Path, *, step: int = 4, jobs: int = 1) -> list[Realignment]:
    """Try to save every rejected pair that was not saved before; the accepted join the manifest.

    `step` is the temporal ratio of the video autoencoder: clips get k * step + 1 frames. Raises
    PairError if a pair has no score, its parameters about an earlier realignment make no sense, or
    what it would become has no legal name, or one that is taken.
    """
    folder, scorer = manifest.manifest_path(folder).parent, scorer_version()
    with alone(folder):
        pairs = manifest.read_manifest(folder)
        if unscored := [pair.id for pair in pairs if pair.verdict is None]:
            what = f"{unscored[0]} has no score"
            raise PairError(what, "scored pairs", "run `synclora pairs score`")
        rejected = [pair for pair in pairs if pair.verdict == "reject"]
        found = {e.id: e for e in map(_as_before, pairs) if e is not None}
        todo = [pair for pair in rejected if pair.id not in found]
        for pair in todo:
            new_id = Pair.from_row(pair.to_row() | {"id": f"{pair.id}-realigned"}).id
            if new_id in {pair.id for pair in pairs}:
                what = f"there is a pair {new_id} already, not known to come from {pair.id}"
                advice = "rename or remove one of the two in the manifest"
                raise PairError(what, "a name that is free", advice)
        work = partial(_realign, folder, step=step, scorer=scorer)
        for entry in in_turn(work, todo, jobs=jobs, label="realigning"):
            found[entry.id] = entry
            if entry.saved is not None:
                manifest.append_pair(folder, entry.saved)
    return [found[pair.id] for pair in rejected]


def _realign(folder: Path, pair: Pair, step: int, scorer: str) -> Realignment:
    files = (manifest.locate(folder, media.path) for media in (pair.source, pair.edited))
    source, edited = (read_clip(file).frames for file in files)
    try:
        result = realign(source, edited, step=step)
    except PairError:  # too few frames would remain
        return Realignment(pair.id, 0)
    if not result.saved:
        return Realignment(pair.id, result.shift)
    new_id = f"{pair.id}-realigned"
    media = store(folder, new_id, (result.source, result.edited), pair.fps)
    parameters = {**pair.parameters, "realigned_from": pair.id, "shift": result.shift}
    moved = replace(pair, id=new_id, source=media[0], edited=media[1],
                    parameters=parameters, frames=len(result.source))  # fmt: skip
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
