"""The funnel of a build of pairs as a picture."""

from collections.abc import Sequence

from synclora_lite.pairs import Stage
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
