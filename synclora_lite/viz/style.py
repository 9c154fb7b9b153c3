"""One look for every figure: colours that colour-blind readers can tell apart, and quiet axes.

The palette is Okabe and Ito's (https://jfly.uni-koeln.de/color). Lines also differ in dash or
width, so that no figure depends on colour alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
from cycler import cycler
from matplotlib.figure import Figure

PALETTE = {
    "blue": "#0072B2", "orange": "#D55E00", "green": "#009E73", "purple": "#CC79A7",
    "sky": "#56B4E9", "amber": "#E69F00", "yellow": "#F0E442", "ink": "#222222", "grey": "#8A8A8A",
}  # fmt: skip

_CYCLE = cycler(color=[PALETTE[n] for n in ("blue", "orange", "green", "purple", "amber", "sky")])
SETTINGS = {
    "font.size": 10.0, "axes.titlesize": 10.0, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "axes.spines.top": False, "axes.spines.right": False,
    "axes.edgecolor": "#9A9A9A", "axes.labelcolor": PALETTE["ink"], "axes.grid": True,
    "grid.color": "#E6E6E6", "grid.linewidth": 0.7, "xtick.color": "#555555",
    "ytick.color": "#555555", "legend.frameon": False, "figure.facecolor": "white",
    "savefig.facecolor": "white", "axes.prop_cycle": _CYCLE,
}  # fmt: skip


@contextmanager
def style() -> Iterator[None]:
    """Draw everything inside the `with` block in the book's style.

    A notebook's first figure switches matplotlib to interactive drawing; that outlasts the block,
    or no later figure would be shown.
    """
    usual = {name: matplotlib.rcParams[name] for name in SETTINGS}
    matplotlib.rcParams.update(SETTINGS)
    try:
        yield
    finally:
        matplotlib.rcParams.update(usual)


def figure(width: float, height: float) -> Figure:
    """Make an empty figure, in inches, that no global pyplot state keeps alive."""
    return Figure(figsize=(width, height), layout="constrained")
