"""Pictures (PNG) and players (HTML with an h264 video) that draw themselves in a notebook.

Each has alternative text and can be saved; none needs a network or a kernel to be looked at.
"""

from synclora_lite.viz.filmstrip import Picture, contact_sheet, filmstrip
from synclora_lite.viz.player import Player, locked_player
from synclora_lite.viz.style import PALETTE, figure, style
from synclora_lite.viz.traces import plot_traces
