"""Two clips' traces to be shifted against each other: what an offset does to each correlation."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from synclora_course.explorers.page import Explorer, fill
from synclora_lite.errors import PairError
from synclora_lite.sync import pearson, smooth, zscore
from synclora_lite.viz import PALETTE, Picture, figure, style

Traces = Mapping[str, Float[np.ndarray, " frames"]]

MAX_SHIFT = 6  # frames either way
COLORS = ("blue", "orange", "green", "purple", "amber", "sky")


def sync_explorer(source: Traces, edited: Traces, *, fps: float, alt: str = "") -> Explorer:
    """Drag an offset, drop a cue, move the threshold: the correlations follow.

    Args:
        source: Traces by cue.
        edited: The same cues of the other clip; the sliders delay this one further.
        fps: Frames per second.
        alt: What is seen; made from the names of the cues if left empty.

    Raises:
        PairError: There is no common cue, or a trace is too short to be shifted.

    """
    cues = [cue for cue in source if cue in edited]
    if not cues or any(len(traces[c]) < 3 * MAX_SHIFT for traces in (source, edited) for c in cues):
        raise PairError(
            f"traces of the cues {', '.join(cues) or 'none'}",
            f"at least one common cue of {3 * MAX_SHIFT} frames or more",
        )
    alt = alt or f"Traces of {', '.join(cues)} of two clips, and how well they agree at any offset."
    prepared = {c: [_prepared(t[c]) for t in (source, edited)] for c in cues}
    rows = [
        {"name": c.replace("_", " "), "color": _color(k), "a": a.round(3).tolist(),
         "b": b.round(3).tolist()}
        for k, (c, (a, b)) in enumerate(prepared.items())
    ]  # fmt: skip
    data = {"fps": fps, "max": MAX_SHIFT, "cues": rows}
    return fill("sync.html", alt, data, {"STILL": _still(prepared, alt).html})


def _prepared(trace: Float[np.ndarray, " frames"]) -> Float[np.ndarray, " frames"]:
    known = ~np.isnan(trace)
    frames = np.arange(len(trace))
    return zscore(smooth(np.interp(frames, frames[known], trace[known])))


def _color(number: int) -> str:
    return PALETTE[COLORS[number % len(COLORS)]]


def _still(prepared: Mapping[str, list[np.ndarray]], alt: str) -> Picture:
    """Draw the correlation of each cue at every offset."""
    with style():
        canvas = figure(6.4, 3.0)
        axis = canvas.subplots()
        shifts = np.arange(-MAX_SHIFT, MAX_SHIFT + 1)
        for k, (cue, (a, b)) in enumerate(prepared.items()):
            line = [pearson(*_shifted(a, b, int(s))) for s in shifts]
            marker = "osD^vP"[k % 6]
            label = cue.replace("_", " ")
            axis.plot(shifts, line, marker=marker, markersize=4, label=label, color=_color(k))
        axis.set_xlabel("offset in frames")
        axis.set_ylabel("Pearson correlation")
        axis.legend(ncols=3, fontsize=8)
        return Picture.from_figure(canvas, alt)


def _shifted(a: np.ndarray, b: np.ndarray, shift: int) -> tuple[np.ndarray, np.ndarray]:
    """Delay `b` by `shift` frames against `a`, over the frames that both still have."""
    if shift >= 0:
        return a[shift:], b[: len(b) - shift]
    return a[:shift], b[-shift:]
