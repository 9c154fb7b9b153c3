"""Traces over time: what the source did and what each edit did, one small panel per cue."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from synclora_lite.errors import VideoError
from synclora_lite.video.clip import Number
from synclora_lite.viz.filmstrip import Picture
from synclora_lite.viz.style import EDIT_LINES, SOURCE_LINE, figure, style

Traces = Mapping[str, Float[np.ndarray, " _"]]


def plot_traces(
    clips: Mapping[str, Traces],
    cues: Sequence[str] | None = None,
    *,
    fps: Number,
    notes: Mapping[str, str] | None = None,
    columns: int = 3,
    alt: str = "",
) -> Picture:
    """Draw the cue traces of several clips over one another.

    Args:
        clips: Label to traces, each trace by cue name. The first clip is drawn as the source: a
            broad grey line behind the others.
        cues: Which cues to draw, at least one; every cue that the first clip has if left out.
        fps: Frames per second, for the time axis.
        notes: A few words per cue for its title, for example "r = 0.97, lag 0".
        columns: Panels in a row.
        alt: Alternative text; made from the labels if left empty.

    """
    cues = list(cues if cues is not None else next(iter(clips.values()), {}))
    if not cues:
        raise VideoError("no traces to draw", "at least one clip with at least one cue")
    notes = notes or {}
    columns, rows = min(columns, len(cues)), -(-len(cues) // min(columns, len(cues)))
    with style():
        canvas = figure(3.4 * columns, 1.75 * rows + 0.4)
        panels = canvas.subplots(rows, columns, sharex=True, squeeze=False)
        for panel, cue in zip(panels.flat, cues, strict=False):
            _draw_cue(panel, clips, cue, fps)
            panel.set_title("  ".join(filter(None, (cue.replace("_", " "), notes.get(cue, "")))))
        for panel in panels.flat[len(cues) :]:
            panel.set_visible(False)
        for panel in panels[-1]:
            panel.set_xlabel("seconds")
        handles, labels = panels[0, 0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        words = f"Traces over time of {', '.join(cues)} for {', '.join(clips)}."
        return Picture.from_figure(canvas, alt or words)


def _draw_cue(panel, clips: Mapping[str, Traces], cue: str, fps: Number) -> None:  # type: ignore[no-untyped-def]
    """Draw one cue of every clip that has it: the source broad and grey, edits thin on top."""
    for number, (label, traces) in enumerate(clips.items()):
        line = SOURCE_LINE if number == 0 else EDIT_LINES[(number - 1) % len(EDIT_LINES)]
        trace = np.asarray(traces.get(cue, []), dtype=float)
        panel.plot(np.arange(len(trace)) / fps, trace, label=label, **line)
