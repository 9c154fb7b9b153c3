"""The funnel of a build of pairs, recorded, and as a picture."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from synclora_course.results import write_result
from synclora_lite.pairs import Pair, Stage, failing, filter_pairs, funnel
from synclora_lite.pairs.building import STRIDE
from synclora_lite.pairs.filtering import STAGES
from synclora_lite.viz import PALETTE, Picture, figure, style


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


def record_funnel(pairs: Sequence[Pair]) -> Path:
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
    return write_result("pairs_funnel", values, command=command, seed=seed)
