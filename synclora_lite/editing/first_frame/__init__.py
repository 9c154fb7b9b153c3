"""Edited first frames without an image model: recolour, accessories, backgrounds, a smile.

Every helper takes an 8-bit RGB picture of one person, rendered or photographed, and returns a new
one of the same size; they can be chained.
"""

from synclora_lite.editing.first_frame.accessories import draw_earrings, draw_glasses, draw_hat
from synclora_lite.editing.first_frame.recolour import recolour, replace_background
from synclora_lite.editing.first_frame.regions import REGIONS, find_region
from synclora_lite.editing.first_frame.smile import add_smile

__all__ = [
    "REGIONS",
    "add_smile",
    "draw_earrings",
    "draw_glasses",
    "draw_hat",
    "find_region",
    "recolour",
    "replace_background",
]
