"""The headline picture: synchronization against edit kept, every method one point."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from synclora_lite.evaluation.exam import REFERENCES, Exam
from synclora_lite.evaluation.intervals import Interval
from synclora_lite.files import data_dir, read_json
from synclora_lite.viz import PALETTE, Picture, figure, style

Summary = Mapping[str, Any]  # as `summarize` makes it
HEADLINE = ("sync", "edit_kept", "blink_f1", "in_time", "psnr", "ssim", "identity", "flicker")
MARKERS = "os^Dvp*XPh<>"
COLOURS = ("blue", "orange", "green", "purple", "amber", "sky", "ink")


def read_exams(condition: str = "exact") -> dict[str, Summary]:
    """Read the exams under data/results that were set under a condition: method to summary.

    Exams of other seeds, sizes or lengths than the usual ones are left out.
    """
    exams: dict[str, Summary] = {}
    for path in sorted((data_dir() / "results").glob("exam_*.json")):
        values = read_json(path)["values"]
        exam = Exam(**values["exam"])
        if exam == Exam(exam.method, condition=condition, options=exam.options):
            exams[exam.label] = values
    return exams


def pareto_front(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """Name the points that no other beats in both directions, from left to right."""
    front = [
        name
        for name, (x, y) in points.items()
        if not any(a >= x and b >= y and (a, b) != (x, y) for a, b in points.values())
    ]
    return sorted(front, key=lambda name: points[name])


def exam_table(exams: Mapping[str, Summary], metrics: Sequence[str] = HEADLINE) -> pd.DataFrame:
    """Return methods by metrics, "mean [low, high]" in each cell."""
    cells = {
        method: {
            name: str(Interval(**exam["all"][name])) for name in metrics if name in exam["all"]
        }
        for method, exam in exams.items()
    }
    return pd.DataFrame.from_dict(cells, orient="index", columns=list(metrics)).fillna("")


def plot_pareto(exams: Mapping[str, Summary]) -> Picture:
    """Draw each method at its means, with its intervals, and the front of those never beaten.

    The references (the truth, and the truth through the autoencoder) are hollow and take no part
    in the front.
    """
    points = {
        method: tuple(Interval(**exam["all"][name]) for name in ("edit_kept", "sync"))
        for method, exam in exams.items()
    }
    means = {m: (a.mean, b.mean) for m, (a, b) in points.items() if m not in REFERENCES}
    front = pareto_front(means)
    with style():
        canvas = figure(7.2, 4.4)
        panel = canvas.subplots()
        steps = [means[name] for name in front]
        panel.plot(*zip(*steps, strict=True), color=PALETTE["grey"], linestyle="--", zorder=1)
        for number, (method, both) in enumerate(points.items()):
            colour = PALETTE[COLOURS[number % len(COLOURS)]]
            spread = [[[max(0.0, v.mean - v.low)], [max(0.0, v.high - v.mean)]] for v in both]
            panel.errorbar(
                both[0].mean,
                both[1].mean,
                spread[1],
                spread[0],
                label=method,
                marker=MARKERS[number % len(MARKERS)],
                markersize=8,
                markerfacecolor="white" if method in REFERENCES else colour,
                color=colour,
                elinewidth=1,
                linestyle="none",
            )
        panel.set(xlabel="edit kept", ylabel="synchronization (mean Pearson of the cues)")
        panel.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
        places = "; ".join(f"{method} {x:.2f}, {y:.2f}" for method, (x, y) in means.items())
        words = (
            "Scatter plot of synchronization (mean Pearson of the cues) against edit kept, one "
            f"point for each method: {places}. Not beaten in both: {', '.join(front)}."
        )
        return Picture.from_figure(canvas, words)
