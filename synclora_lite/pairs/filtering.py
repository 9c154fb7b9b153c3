"""Keep the pairs that are synchronized, and count and draw where the others were lost."""

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
from synclora_lite.viz import PALETTE, Picture, figure, style

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
    pairs: Iterable[Pair],
    *,
    limit: float = 1.0,
    min_weight: float = 0.0,
    leave_out: Collection[str] = (),
) -> list[Pair]:
    """Return the scored pairs of which no measure over its limit exceeds `limit`: 1 is the verdict.

    `min_weight` is the least training weight; `leave_out` names `STAGES` that are not looked at.
    """
    return [
        pair
        for pair in pairs
        if not failing(pair, limit, leave_out) and (pair.weight or 0.0) >= min_weight
    ]


def failing(pair: Pair, limit: float = 1.0, leave_out: Collection[str] = ()) -> list[str]:
    """Name the stages whose checks this pair fails, in their order.

    Raises PairError if it has no score, or a stage to leave out is none.
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


def record_funnel(pairs: Sequence[Pair], name: str = "pairs_funnel") -> Path:
    """Write the funnel of a build, and how many pairs fail each stage, to data/results."""
    kept, count = filter_pairs(pairs), max(1, len(pairs))
    failures = Counter(stage for pair in pairs for stage in failing(pair))
    values = {
        "builders": dict(Counter(pair.builder for pair in pairs)),
        "parameters": pairs[0].parameters if pairs else {},
        "built": len(pairs),
        "kept": len(kept),
        "share": round(len(kept) / count, 6),
        "mean_weight": round(sum(pair.weight or 0 for pair in pairs) / count, 6),
        "funnel": [asdict(step) for step in funnel(pairs)],
        "failing": {stage: failures[stage] for stage in STAGES},
    }
    builder = pairs[0].builder if pairs else "exact"
    seed = (pairs[0].seed or 0) // STRIDE if pairs else 0
    command = (
        f"synclora pairs build FOLDER --builder {builder} --pairs {len(pairs)} --seed {seed} && "
        "synclora pairs score FOLDER && synclora pairs filter FOLDER --record"
    )
    return write_result(name, values, command=command, seed=seed)


def plot_funnel(steps: Sequence[Stage], *, title: str = "") -> Picture:
    """Draw one bar for each stage, centred, as wide as the number of pairs that is left.

    The pairs of arXiv 2512.03013 went from 24,577 to 512.
    """
    built = max(steps[0].left, 1)
    with style():
        canvas = figure(6.4, 0.42 * len(steps) + 0.6)
        panel = canvas.subplots()
        for row, step in enumerate(steps):
            colour = PALETTE["green" if row == len(steps) - 1 else "blue"]
            panel.barh(-row, step.left, left=-step.left / 2, height=0.72, color=colour)
            words = f"{step.left}" + (f"  (lost {step.lost})" if step.lost else "")
            panel.text(0.54 * built, -row, words, va="center", color=PALETTE["ink"])
        panel.set_yticks([-row for row in range(len(steps))], [step.name for step in steps])
        panel.tick_params(left=False)
        panel.set_xlim(-0.52 * built, 0.9 * built)
        panel.xaxis.set_visible(False)
        panel.grid(visible=False)
        panel.spines[["left", "bottom"]].set_visible(False)
        panel.set_title(title)
        listed = ", ".join(f"{step.name} {step.left}" for step in steps)
        return Picture.from_figure(canvas, f"Funnel of pairs left after each stage: {listed}.")
