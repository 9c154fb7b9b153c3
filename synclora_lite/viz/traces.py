"""Traces over time: what the source did and what each edit did, one small panel per cue."""

from collections.abc import Mapping, Sequence
from itertools import chain, cycle

import numpy as np
from jaxtyping import Float

from synclora_lite.errors import VideoError
from synclora_lite.video.clip import Number
from synclora_lite.viz.filmstrip import Picture
from synclora_lite.viz.style import PALETTE, figure, style

SOURCE = {"color": PALETTE["grey"], "linewidth": 3.2, "alpha": 0.75, "solid_capstyle": "round"}
EDITS = [
    {"color": PALETTE[color], "linewidth": 1.6, "linestyle": line}
    for color, line in (("blue", "-"), ("orange", "--"), ("green", "-."), ("purple", ":"))
]

Traces = Mapping[str, Float[np.ndarray, " _"]]


def plot_traces(
    clips: Mapping[str, Traces],
    cues: Sequence[str],
    *,
    fps: Number,
    notes: Mapping[str, str] | None = None,
    alt: str = "",
) -> Picture:
    """Draw the cue traces of several clips over one another; the first is the source, in grey.

    `notes` are words for a cue's title, such as "r = 0.97"; `alt` is made from the labels if left
    empty. Raises VideoError without any cue.
    """
    if not cues:
        raise VideoError("no traces to draw", "at least one clip with at least one cue")
    columns = min(3, len(cues))
    rows = -(-len(cues) // columns)
    with style():
        canvas = figure(3.4 * columns, 1.75 * rows + 0.4)
        panels = canvas.subplots(rows, columns, sharex=True, squeeze=False)
        for panel, cue in zip(panels.flat, cues, strict=False):
            for label, line in zip(clips, chain([SOURCE], cycle(EDITS)), strict=False):
                trace = np.asarray(clips[label].get(cue, []), dtype=float)
                panel.plot(np.arange(len(trace)) / fps, trace, label=label, **line)
            panel.set_title(f"{cue.replace('_', ' ')}  {(notes or {}).get(cue, '')}".rstrip())
        for panel in panels.flat[len(cues) :]:
            panel.set_visible(False)
        for panel in panels[-1]:
            panel.set_xlabel("seconds")
        handles, labels = panels[0, 0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        words = f"Traces over time of {', '.join(cues)} for {', '.join(clips)}."
        return Picture.from_figure(canvas, alt or words)
