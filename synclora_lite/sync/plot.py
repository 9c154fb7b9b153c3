"""One picture of a score: the two traces of every cue, and what the verdict says."""

from pathlib import Path

import numpy as np

from synclora_lite.files import atomic_path
from synclora_lite.landmarks import Track
from synclora_lite.sync.correlate import smooth, zscore
from synclora_lite.sync.report import SyncReport
from synclora_lite.sync.thresholds import LIMITS
from synclora_lite.sync.traces import CUES, cue_traces

# of the source and of the edit, by whether a cue is judged
COLOURS = {True: ("#1b4965", "#e07a5f"), False: ("#9a9a9a", "#c9c9c9")}


def save_plot(
    path: str | Path, tracks: tuple[Track, Track], report: SyncReport, *, fps: float
) -> Path:
    """Draw each cue's smoothed, z-scored traces over time, those not judged in grey.

    The path's suffix decides on the format.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 9), layout="constrained")
    axes = figure.subplots(len(CUES) // 2, 2, sharex=True)
    sides = [cue_traces(track[: report.frames]) for track in tracks]
    for axis, name in zip(axes.flat, CUES, strict=True):
        cue = report.cues[name]
        for side, colour in zip(sides, COLOURS[cue.judged], strict=True):
            if not np.isnan(side[name]).all():
                trace = zscore(smooth(side[name], LIMITS[name].smoothing))
                axis.plot(np.arange(len(trace)) / fps, trace, color=colour, linewidth=1.4)
        note = f"r = {cue.pearson:.2f}" if cue.judged else "not judged"
        axis.set_title(f"{name.replace('_', ' ')}  ({note})", fontsize=9, loc="left")
        axis.set_yticks([])
        axis.spines[["top", "right", "left"]].set_visible(False)
    for axis in axes[-1]:
        axis.set_xlabel("seconds")
    axes[0, 0].legend(("source", "edit"), loc="upper right", frameon=False, fontsize=8)
    figure.suptitle(f"{report.verdict}: {'; '.join(report.reasons[:3])}", fontsize=10, wrap=True)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)
    return Path(path)
