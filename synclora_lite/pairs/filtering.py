"""Keep the pairs that are synchronized, and count where the others were lost."""

import math
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from synclora_lite.errors import PairError
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
    """One step of the funnel."""

    name: str  # "built", then a name of `STAGES`
    left: int  # pairs that are still there
    lost: int  # pairs lost in this step


def filter_pairs(
    pairs: Iterable[Pair], *, limit: float = 1.0, leave_out: Collection[str] = ()
) -> list[Pair]:
    """Return the scored pairs that fail no stage; see `failing`."""
    return [pair for pair in pairs if not failing(pair, limit, leave_out)]


def failing(pair: Pair, limit: float = 1.0, leave_out: Collection[str] = ()) -> list[str]:
    """Name the stages of which a check, a measure over its limit, exceeds `limit`, in their order.

    With a limit of 1 it is the verdict. Raises PairError if the pair has no score, or a stage to
    leave out is none.
    """
    for name in leave_out:
        if name not in STAGES:
            raise PairError(f"the cue {name!r}", ", ".join(STAGES))
    if pair.score is None:
        raise PairError(f"{pair.id} has no score", "scored pairs", "run `synclora pairs score`")
    score = build(Score, pair.score, f"the score of {pair.id} is broken: ", PairError)
    # what is too bad for a number is infinite
    checks = {name: math.inf if value is None else value for name, value in score.checks.items()}
    failed = {stage_of(check) for check, ratio in checks.items() if ratio > limit}
    return [stage for stage in STAGES if stage in failed and stage not in leave_out]


def stage_of(check: str) -> str:
    """Return the stage that a check of a score belongs to."""
    word = check.partition(" ")[0]
    return next((stage for stage, words in STAGES.items() if word in words), "gesture")


def funnel(
    pairs: Collection[Pair], *, limit: float = 1.0, leave_out: Collection[str] = ()
) -> list[Stage]:
    """Count what is left after each stage; a pair is lost at the first that it fails."""
    first = Counter(next(iter(failing(pair, limit, leave_out)), "") for pair in pairs)
    steps = [Stage("built", len(pairs), 0)]
    for name in STAGES:
        if name not in leave_out:
            steps.append(Stage(name, steps[-1].left - first[name], first[name]))
    return steps
