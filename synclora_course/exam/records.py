"""Exams recorded, as a table, and as the headline picture: sync against edit kept."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.transforms import Bbox

from synclora_course.exam.intervals import Interval, summarize
from synclora_course.exam.running import REFERENCES, Exam
from synclora_course.results import write_result
from synclora_lite.files import data_dir, read_json
from synclora_lite.viz import PALETTE, Picture, figure, style

Summary = Mapping[str, Any]  # as `summarize` makes it
HEADLINE = ("sync", "edit_kept", "blink_f1", "in_time", "psnr", "ssim", "identity", "flicker")
MARKERS = "os^Dvp*XPh<>"
AROUND = [  # offsets of a name from its point, in font points; the nearest first
    (across, sign * up) for up in range(12, 80, 12) for sign in (1, -1) for across in (7, -7, 20)
]
COLOURS = ("blue", "orange", "green", "purple", "amber", "sky", "ink")


def record_exam(exam: Exam, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write the summary to data/results/exam_METHOD.json, named as well by what is not as usual."""
    plain, shape = exam.to_dict(), f"{exam.size}px{exam.frames}"
    marks = {"condition": exam.condition, "seed": f"seed{exam.seed}"}
    marks |= {"size": shape, "frames": shape}
    unusual = {name: plain[name] for name in marks if plain[name] != getattr(Exam, name)}
    words = {"method": plain["method"], "clips": len(rows), "seed": exam.seed, **unusual}
    words |= {word: value for word, value in plain["options"].items() if word != "restore"}
    flags = [f"--{word} {value}" for word, value in words.items()]
    flags += ["--restore"] if exam.options.get("restore") else []
    named = dict.fromkeys(marks[word] for word in unusual)
    name = "_".join(["exam", exam.label.replace(" ", ""), *named])
    about = {"exam": plain, "tuned": exam.tuned(), "weights": exam.weights()}
    command = f"synclora exam {' '.join(flags)} --record"
    return write_result(name, about | summarize(rows), command=command, seed=exam.seed)


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
    """Draw each method at its means, with its intervals and name, and the front of the unbeaten.

    The references (the truth, and the truth through the autoencoder) are hollow and take no part
    in the front.
    """
    points = {
        method: (Interval(**exam["all"]["edit_kept"]), Interval(**exam["all"]["sync"]))
        for method, exam in exams.items()
    }
    means = {m: (a.mean, b.mean) for m, (a, b) in points.items() if m not in REFERENCES}
    front = pareto_front(means)
    with style():
        canvas = figure(7.2, 5.0)
        panel = canvas.subplots()
        steps = [means[name] for name in front]
        panel.plot(*zip(*steps, strict=True), color=PALETTE["grey"], linestyle="--", zorder=1)
        for number, (method, both) in enumerate(points.items()):
            _draw(panel, method, both, number)
        panel.set(xlabel="edit kept", ylabel="synchronization (mean Pearson of the cues)")
        panel.margins(0.12)
        _name(panel, points)
        places = "; ".join(f"{method} {x:.2f}, {y:.2f}" for method, (x, y) in means.items())
        words = (
            "Scatter plot of synchronization (mean Pearson of the cues) against edit kept, one "
            f"point for each method: {places}. Not beaten in both: {', '.join(front)}."
        )
        return Picture.from_figure(canvas, words)


def plot_grid(tables: Mapping[str, pd.DataFrame], size: float) -> Picture:
    """Draw tables of means, methods by kinds or conditions, one below the other; dark is bad.

    Shares are coloured from 0 to 1, others between their ends; `size` is the width in inches.
    """
    with style():
        canvas = figure(size, sum(0.32 * len(table) + 0.3 for table in tables.values()) + 0.7)
        panels = canvas.subplots(len(tables), 1, sharex=True, squeeze=False)[:, 0]
        for panel, (title, table) in zip(panels, tables.items(), strict=True):
            shares = bool((table.max() <= 1).all())
            ends = (0.0, 1.0) if shares else (table.min().min(), table.max().max())
            panel.imshow(table, cmap="viridis", vmin=ends[0], vmax=ends[1], aspect="auto")
            for (row, column), value in np.ndenumerate(table.to_numpy(float)):
                shade = "black" if value > ends[0] + 0.6 * (ends[1] - ends[0]) else "white"
                text = "" if math.isnan(value) else f"{value:.{2 if shares else 1}f}"
                panel.text(column, row, text, ha="center", va="center", fontsize=9, color=shade)
            panel.set(title=title, yticks=range(len(table)), yticklabels=list(table.index))
            panel.grid(visible=False)
        names = list(next(iter(tables.values())).columns)
        panels[-1].set_xticks(range(len(names)), names, rotation=35, ha="right")
        best = (
            f"{title}: " + ", ".join(f"{name} {table[name].idxmax()}" for name in table.columns)
            for title, table in tables.items()
        )
        return Picture.from_figure(canvas, "Tables in colour. Best in " + "; ".join(best) + ".")


def _draw(panel: Any, method: str, both: tuple[Interval, Interval], number: int) -> None:
    colour = PALETTE[COLOURS[number % len(COLOURS)]]
    spread = [[[max(0.0, v.mean - v.low)], [max(0.0, v.high - v.mean)]] for v in both]
    look = {"marker": MARKERS[number % len(MARKERS)], "markersize": 8, "elinewidth": 1}
    look |= {"color": colour, "markerfacecolor": "white" if method in REFERENCES else colour}
    x, y = both
    panel.errorbar(x.mean, y.mean, spread[1], spread[0], linestyle="none", **look)


def _name(panel: Any, points: Mapping[str, tuple[Interval, Interval]]) -> None:
    """Write each method's name at its point, where it covers no point, no bar and no other name."""
    panel.figure.draw_without_rendering()  # the layout, without which no text knows its place
    taken = []
    for x, y in points.values():
        ends = [(x.low, y.low), (x.mean, y.mean), (x.high, y.high)]
        (left, bottom), (here, level), (right, top) = panel.transData.transform(ends)  # in dots
        taken += [Bbox.from_extents(left - 8, level - 3, right + 8, level + 3)]
        taken += [Bbox.from_extents(here - 3, bottom - 8, here + 3, top + 8)]
    for method, (x, y) in points.items():
        point = (x.mean, y.mean)
        for across, up in AROUND:
            side = "left" if across > 0 else "right"
            text = panel.annotate(
                method, point, (across, up), textcoords="offset points", ha=side, va="center"
            )
            box = text.get_window_extent()
            inside = panel.bbox.x0 < box.x0 and box.x1 < panel.bbox.x1
            if inside and not any(box.overlaps(other) for other in taken):
                break
            text.remove()
        else:
            text = panel.annotate(method, point, AROUND[0], textcoords="offset points")
        taken.append(box)
        # a thin line leads back to the point: another may be as near
        line = {"arrowstyle": "-", "color": PALETTE["grey"], "linewidth": 0.7}
        panel.annotate("", point, (across, up), textcoords="offset points", arrowprops=line)
