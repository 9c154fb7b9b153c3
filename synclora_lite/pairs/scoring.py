"""Score all pairs of a folder and keep the result in its manifest.

Every score is also kept in the user's cache, by the content of both clips and all that decides a
score: pairs that were scored before, in this folder or another, take no time.
"""

import hashlib
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from synclora_lite.errors import ArtifactError, LandmarkError, PairError, VideoError
from synclora_lite.files import code_sha256, read_json, write_json
from synclora_lite.landmarks.bundle import finder_name
from synclora_lite.landmarks.cache import FORMAT, cache_dir
from synclora_lite.pairs import manifest
from synclora_lite.pairs.folder import alone, in_turn
from synclora_lite.pairs.manifest import Pair
from synclora_lite.settings import build
from synclora_lite.sync import score_files, thresholds

SECONDS = 5.0  # between two writings of the manifest, which grows with the number of pairs
_KEPT = ("verdict", "weight", "score")


def score_pairs(
    folder: str | Path,
    *,
    jobs: int = 1,
    again: bool = False,
    progress: bool = False,
    person: int | None = None,
) -> list[Pair]:
    """Score every pair that has no whole score by the present scorer, in `jobs` processes.

    With `again` the others as well; what the cache knows is not measured again. Of several people
    the one with the number `person` from the left is scored, or the one with the largest face.
    Returns all pairs of the manifest; raises PairError if a file is not the one that was built.
    """
    scorer = scorer_version(person)
    with alone(manifest.manifest_path(folder).parent):
        pairs = manifest.read_manifest(folder)
        for pair in pairs:
            manifest.check_intact(folder, pair)
        todo = [n for n, p in enumerate(pairs) if again or not _is_scored(p, scorer)]
        written = time.monotonic()
        work = partial(score_pair, folder, scorer=scorer, person=person)
        items = [pairs[n] for n in todo]
        results = in_turn(work, items, jobs=jobs, label="scoring", progress=progress)
        for n, scored_pair in zip(todo, results, strict=True):
            pairs[n] = scored_pair
            if time.monotonic() - written > SECONDS or n == todo[-1]:
                manifest.write_manifest(folder, pairs)
                written = time.monotonic()
    return pairs


def scorer_version(person: int | None = None) -> str:
    """Return a short hash of all that decides a score: finder, person and every threshold."""
    settings = {name: value for name, value in vars(thresholds).items() if name.isupper()}
    text = f"{finder_name()} {sorted(settings.items())} {person}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def score_pair(folder: str | Path, pair: Pair, scorer: str, person: int | None = None) -> Pair:
    """Score one pair, or take its kept score; a clip that cannot be read is a reason to reject."""
    # kept by the clips, and by all that decides a score
    text = f"{scorer} {code_sha256('sync')} {FORMAT} {pair.source.sha256} {pair.edited.sha256}"
    name = hashlib.sha256(text.encode()).hexdigest()
    kept = cache_dir().parent / "scores" / name[:2] / f"{name}.json"
    if kept.exists():
        with suppress(ArtifactError, PairError, KeyError, TypeError):  # a damaged one is made again
            stored = read_json(kept)
            return Pair.from_row(pair.to_row() | {name: stored[name] for name in _KEPT})
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
    weight = round(report.weight, 6)
    write_json(kept, {"verdict": report.verdict, "weight": weight, "score": score})
    return replace(pair, verdict=report.verdict, weight=weight, score=score)


def _is_scored(pair: Pair, scorer: str) -> bool:
    """Whether a pair has verdict, weight and reasons by this scorer, all of the right kind."""
    with suppress(PairError):
        score = build(manifest.Score, pair.score, error=PairError)
        return score.scorer == scorer and None not in (pair.verdict, pair.weight)
    return False
