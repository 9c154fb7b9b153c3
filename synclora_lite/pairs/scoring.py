"""Score all pairs of a folder and keep the result in its manifest."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed
from tqdm.auto import tqdm

from synclora_lite.errors import PairError, VideoError
from synclora_lite.landmarks.backend import choose_backend
from synclora_lite.pairs.building import alone
from synclora_lite.pairs.manifest import Pair, intact, locate, read_manifest, write_manifest
from synclora_lite.sync import SyncReport, score_clips, thresholds
from synclora_lite.video import read_clip

BATCH = 32  # pairs between two writings of the manifest


def score_pairs(
    folder: str | Path,
    *,
    backend: str = "auto",
    jobs: int = 1,
    again: bool = False,
    progress: bool = False,
) -> list[Pair]:
    """Score every pair that has no score by the present scorer.

    Work is handed out by joblib: inside `joblib.parallel_config(backend="dask")` or "ray" the
    same call runs on a cluster that sees the folder.

    Args:
        folder: Of the pairs, or their manifest.
        backend: Landmark back end, see `synclora_lite.landmarks.track`.
        jobs: Processes.
        again: Score the others again, too.
        progress: Show a progress bar.

    Returns:
        All pairs of the manifest, in its order.

    Raises:
        PairError: A file is missing or is not the one that was built.

    """
    scorer = scorer_version(backend)
    with alone(_root(folder)):
        pairs = read_manifest(folder)
        _check_files(folder, pairs)
        todo = [n for n, p in enumerate(pairs) if again or (p.score or {}).get("scorer") != scorer]
        with tqdm(total=len(todo), desc="scoring", disable=not progress) as bar:
            for start in range(0, len(todo), BATCH):
                batch = todo[start : start + BATCH]
                work = (delayed(score_pair)(folder, pairs[n], scorer, backend) for n in batch)
                for n, scored in zip(batch, Parallel(n_jobs=jobs)(work), strict=True):
                    pairs[n] = scored
                write_manifest(folder, pairs)
                bar.update(len(batch))
    return pairs


def scorer_version(backend: str = "auto") -> str:
    """Return a short hash of all that decides a score: the back end and every threshold."""
    settings = {name: value for name, value in vars(thresholds).items() if name.isupper()}
    text = f"{choose_backend(backend).name} {sorted(settings.items())}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def scored(pair: Pair, report: SyncReport, scorer: str) -> Pair:
    """Return the pair with what the report says: verdict, weight and the measures behind them."""
    full = report.to_dict()
    score = {
        "scorer": scorer,
        "misfit": full["misfit"],
        "reasons": report.reasons,
        "offset": full["offset"],
        "faces": full["faces"],
        "checks": full["checks"],
        "pearson": {n: cue["pearson"] for n, cue in full["cues"].items() if cue["judged"]},
        "blink_f1": full["blinks"]["f1"] if report.blinks.judged else None,
    }
    return replace(pair, verdict=report.verdict, weight=round(report.weight, 6), score=score)


def score_pair(folder: str | Path, pair: Pair, scorer: str, backend: str = "auto") -> Pair:
    """Read and score one pair; a clip that cannot be read is a reason to reject it."""
    try:
        clips = [read_clip(locate(folder, media.path)) for media in (pair.source, pair.edited)]
    except VideoError as error:
        return replace(pair, verdict="reject", weight=0.0, score=_unreadable(error, scorer))
    return scored(pair, score_clips(*clips, backend=backend), scorer)


def _unreadable(error: VideoError, scorer: str) -> dict[str, Any]:
    checks = {"readable": None}  # None: worse than any number
    return {"scorer": scorer, "misfit": None, "reasons": [error.what], "checks": checks}


def _check_files(folder: str | Path, pairs: list[Pair]) -> None:
    for pair in pairs:
        if not intact(folder, pair):
            raise PairError(
                f"the clips of {pair.id} are missing or changed",
                "the files that the manifest describes",
                "build or export the folder again",
            )


def _root(folder: str | Path) -> Path:
    path = Path(folder)
    return path.parent if path.suffix == ".jsonl" else path
