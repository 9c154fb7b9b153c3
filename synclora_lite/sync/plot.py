"""One picture of a score: the two traces of every cue."""

from pathlib import Path

import numpy as np

from synclora_lite.landmarks import Track
from synclora_lite.sync.correlate import smooth, zscore
from synclora_lite.sync.report import SyncReport
from synclora_lite.sync.thresholds import LIMITS
from synclora_lite.sync.traces import CUES, cue_traces
from synclora_lite.viz import plot_traces


def save_plot(
    path: str | Path, tracks: tuple[Track, Track], report: SyncReport, *, fps: float
) -> Path:
    """Draw each cue's smoothed, z-scored traces over time, and say which are judged; a PNG."""
    clips = {}
    for label, track in zip(("source", "edit"), tracks, strict=True):
        seen = {
            n: t for n, t in cue_traces(track[: report.frames]).items() if not np.isnan(t).all()
        }
        known = [name for name in CUES if name in seen]
        clips[label] = {name: zscore(smooth(seen[name], LIMITS[name].smoothing)) for name in known}
    notes = {
        n: f"r = {c.pearson:.2f}" if c.judged else "not judged" for n, c in report.cues.items()
    }
    return plot_traces(clips, CUES, fps=fps, notes=notes, columns=2).save(path)
