"""Pictures: filmstrips, traces, and players that keep clips on the same frame.

Everything here returns an object that draws itself in a notebook with its alternative text, and
that can be saved: `Picture` (a PNG) and `Player` (an HTML fragment with an h264 video). Nothing
needs a network or a running kernel to be looked at.
"""

from synclora_lite.viz.filmstrip import Picture, contact_sheet, filmstrip
from synclora_lite.viz.player import Player, locked_player
from synclora_lite.viz.style import PALETTE, figure, style
from synclora_lite.viz.traces import plot_traces
