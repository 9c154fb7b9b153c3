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

SOURCE_LINE = {"color": PALETTE["grey"], "linewidth": 3.2, "alpha": 0.75, "solid_capstyle": "round"}
EDIT_LINES = tuple(
    {"color": PALETTE[color], "linewidth": 1.6, "linestyle": line}
    for color, line in (("blue", "-"), ("orange", "--"), ("green", "-."), ("purple", ":"))
)

SETTINGS = {
    "font.size": 10.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9A9A9A",
    "axes.labelcolor": PALETTE["ink"],
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.7,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.prop_cycle": cycler(
        color=[PALETTE[name] for name in ("blue", "orange", "green", "purple", "amber", "sky")]
    ),
}


@contextmanager
def style() -> Iterator[None]:
    """Draw everything inside the `with` block in the book's style.

    A notebook's first figure switches matplotlib to interactive drawing; that outlasts the block,
    or no later figure would be shown.
    """
    interactive = matplotlib.is_interactive()
    try:
        with matplotlib.rc_context(SETTINGS):
            try:
                yield
            finally:
                interactive = matplotlib.is_interactive()
    finally:
        matplotlib.interactive(interactive)


def figure(width: float, height: float) -> Figure:
    """Make an empty figure, in inches, that no global pyplot state keeps alive."""
    return Figure(figsize=(width, height), layout="constrained")
