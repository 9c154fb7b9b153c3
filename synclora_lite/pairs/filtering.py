"""Keep the pairs that are synchronized, and count where the others were lost."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from synclora_lite.errors import PairError
from synclora_lite.files import write_result
from synclora_lite.pairs.building import STRIDE
from synclora_lite.pairs.manifest import Pair, Score
from synclora_lite.settings import build

# The checks of a score by the word they begin with, in the order in which the funnel applies them.
# The cues are those of arXiv 2512.03013, whose ablation leaves them out one by one.
STAGES: dict[str, tuple[str, ...]] = {
    "face": ("readable", "face", "motion"),
    "time": ("offset", "drift"),
    "pose": ("head", "yaw", "pitch", "roll", "x", "y"),
    "mouth": ("mouth", "mouth_width"),
    "gaze": ("gaze_x", "gaze_y"),
    "blink": ("blink", "blinks"),
    "gesture": (),  # wrists and elbows, and whatever the others do not name
}


@dataclass(frozen=True)
class Stage:
    """One step of the funnel.

    Attributes:
        name: "built", then a name of `STAGES`.
        left: Pairs that are still there.
        lost: Pairs lost in this step.

    """

    name: str
    left: int
    lost: int


def filter_pairs(
    pairs: Iterable[Pair],
    *,
    limit: float = 1.0,
    min_weight: float = 0.0,
    leave_out: Collection[str] = (),
) -> list[Pair]:
    """Return the pairs that pass.

    Args:
        pairs: With scores.
        limit: What no measure over its limit may exceed: 1 is the verdict, less is stricter.
        min_weight: Least training weight.
        leave_out: Names of `STAGES` that are not looked at, for ablations.

    """
    _check_stages(leave_out)
    return [
        pair
        for pair in pairs
        if not failing(pair, limit, leave_out) and (pair.weight or 0.0) >= min_weight
    ]


def failing(pair: Pair, limit: float = 1.0, leave_out: Collection[str] = ()) -> list[str]:
    """Name the stages whose checks this pair fails, in their order.

    Raises:
        PairError: The pair has no score.

    """
    if pair.score is None:
        raise PairError(f"{pair.id} has no score", "scored pairs", "run `synclora pairs score`")
    score = build(Score, pair.score, f"the score of {pair.id} is broken: ", PairError)
    # what is too bad for a number is infinite
    checks = {name: math.inf if value is None else value for name, value in score.checks.items()}
    return [
        stage
        for stage in STAGES
        if stage not in leave_out
        and any(ratio > limit for check, ratio in checks.items() if stage_of(check) == stage)
    ]


def stage_of(check: str) -> str:
    """Return the stage that a check of a score belongs to."""
    word = check.partition(" ")[0]
    return next((stage for stage, words in STAGES.items() if word in words), "gesture")


def funnel(
    pairs: Collection[Pair], *, limit: float = 1.0, leave_out: Collection[str] = ()
) -> list[Stage]:
    """Count what is left after each stage; a pair is lost at the first that it fails."""
    _check_stages(leave_out)
    first = [next(iter(failing(pair, limit, leave_out)), None) for pair in pairs]
    steps, left = [Stage("built", len(first), 0)], len(first)
    for name in STAGES:
        if name not in leave_out:
            lost = first.count(name)
            left -= lost
            steps.append(Stage(name, left, lost))
    return steps


def record_funnel(pairs: Sequence[Pair], name: str = "pairs_funnel") -> Path:
    """Write the funnel of a build, and how many pairs fail each stage, to data/results."""
    kept, count = filter_pairs(pairs), max(1, len(pairs))
    failures = [stage for pair in pairs for stage in failing(pair)]
    values = {
        "builders": dict(Counter(pair.builder for pair in pairs)),
        "parameters": pairs[0].parameters if pairs else {},
        "built": len(pairs),
        "kept": len(kept),
        "share": round(len(kept) / count, 6),
        "mean_weight": round(sum(pair.weight or 0 for pair in pairs) / count, 6),
        "funnel": [asdict(step) for step in funnel(pairs)],
        "failing": {stage: failures.count(stage) for stage in STAGES},
    }
    builder = pairs[0].builder if pairs else "exact"
    seed = (pairs[0].seed or 0) // STRIDE if pairs else 0
    command = (
        f"synclora pairs build FOLDER --builder {builder} --pairs {len(pairs)} --seed {seed} && "
        "synclora pairs score FOLDER && synclora pairs filter FOLDER --record"
    )
    return write_result(name, values, command=command, seed=seed)


def _check_stages(names: Collection[str]) -> None:
    wrong = [name for name in names if name not in STAGES]
    if wrong:
        raise PairError(f"the cue {wrong[0]!r}", ", ".join(STAGES))
