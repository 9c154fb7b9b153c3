"""One picture of a score: the two traces of every cue, and what the verdict says."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from synclora_lite.files import atomic_path
from synclora_lite.landmarks import Track
from synclora_lite.sync.correlate import smooth, zscore
from synclora_lite.sync.report import SyncReport
from synclora_lite.sync.thresholds import LIMITS
from synclora_lite.sync.traces import CUES, cue_traces

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SOURCE_COLOUR, EDITED_COLOUR = "#1b4965", "#e07a5f"


def plot_score(tracks: tuple[Track, Track], report: SyncReport, fps: float) -> "Figure":
    """Draw each cue's smoothed, z-scored traces over time, those not judged in grey."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 9), layout="constrained")
    axes = figure.subplots(len(CUES) // 2, 2, sharex=True)
    sides = [cue_traces(track[: report.frames]) for track in tracks]
    for axis, name in zip(axes.flat, CUES, strict=True):
        _draw_cue(axis, name, [side[name] for side in sides], report, fps)
    for axis in axes[-1]:
        axis.set_xlabel("seconds")
    axes[0, 0].legend(("source", "edit"), loc="upper right", frameon=False, fontsize=8)
    figure.suptitle(f"{report.verdict}: {'; '.join(report.reasons[:3])}", fontsize=10, wrap=True)
    return figure


def save_plot(
    path: str | Path, tracks: tuple[Track, Track], report: SyncReport, *, fps: float
) -> Path:
    """Write the picture of a score; the suffix decides on the format."""
    with atomic_path(path) as temporary:
        plot_score(tracks, report, fps).savefig(temporary, dpi=110)
    return Path(path)


def _draw_cue(
    axis: "Axes", name: str, traces: list[np.ndarray], report: SyncReport, fps: float
) -> None:
    cue = report.cues[name]
    colours = (SOURCE_COLOUR, EDITED_COLOUR) if cue.judged else ("#9a9a9a", "#c9c9c9")
    sigma = LIMITS[name].smoothing
    for trace, colour in zip(traces, colours, strict=True):
        if not np.isnan(trace).all():
            seconds = np.arange(len(trace)) / fps
            axis.plot(seconds, zscore(smooth(trace, sigma)), color=colour, linewidth=1.4)
    note = f"r = {cue.pearson:.2f}" if cue.judged else "not judged"
    axis.set_title(f"{name.replace('_', ' ')}  ({note})", fontsize=9, loc="left")
    axis.set_yticks([])
    axis.spines[["top", "right", "left"]].set_visible(False)
