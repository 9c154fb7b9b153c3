"""Signed distances and coverage: the few shapes every portrait is drawn with.

Distances are negative inside. `coverage` turns a distance into the share of a pixel that is
covered, which is all the antialiasing the renderer needs (Quilez, "2D distance functions").
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

Field = Float[Tensor, "*#batch #height #width"]
Value = Float[Tensor, "*#batch #height #width"] | float


def tint(color: Tensor, amount: float) -> Tensor:
    """Lighten (amount > 0) or darken (amount < 0) a colour."""
    return color + (1 - color) * amount if amount > 0 else color * (1 + amount)


def coverage(distance: Field, pixel: Value) -> Field:
    """Share of each pixel inside the shape, for pixels of the given width."""
    return (0.5 - distance / pixel).clamp(0, 1)


def strip(inside_top: Field, inside_bottom: Field, pixel: Value) -> Field:
    """Coverage between two curves, from the signed distances to each (negative inside).

    Exactly zero once the curves meet, however flat the strip: this is what closes an eyelid
    without the smear that a flat ellipse would leave across the face.
    """
    return (coverage(inside_top, pixel) + coverage(inside_bottom, pixel) - 1).clamp(0, 1)


def stroke(distance: Field, width: Value, pixel: Value) -> Field:
    """Coverage of a line of the given full width along the zero set of a distance."""
    return strip(distance - width / 2, -distance - width / 2, pixel)


def ellipse(x: Field, y: Field, radius_x: Value, radius_y: Value) -> Field:
    """First-order distance to an ellipse; exact at the outline, for radii of similar size."""
    u, v = x / radius_x, y / radius_y
    k0 = (u * u + v * v).sqrt()
    k1 = ((u / radius_x) ** 2 + (v / radius_y) ** 2).sqrt()
    return k0 * (k0 - 1) / (k1 + 1e-6)


def circle(x: Field, y: Field, radius: Value) -> Field:
    """Exact distance to a circle."""
    return (x * x + y * y).sqrt() - radius


def box(x: Field, y: Field, half_x: Value, half_y: Value, corner: Value) -> Field:
    """Distance to a rectangle with rounded corners."""
    dx, dy = x.abs() - half_x + corner, y.abs() - half_y + corner
    outside = (dx.clamp_min(0) ** 2 + dy.clamp_min(0) ** 2).sqrt()
    return outside + torch.maximum(dx, dy).clamp_max(0) - corner


def capsule(
    x: Field, y: Field, start: tuple[float, float], end: tuple[float, float], radius: Value
) -> Field:
    """Exact distance to a line with round ends."""
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    dx, dy = x - start[0], y - start[1]
    t = ((dx * along_x + dy * along_y) / (along_x**2 + along_y**2)).clamp(0, 1)
    return ((dx - t * along_x) ** 2 + (dy - t * along_y) ** 2).sqrt() - radius


def curve(x: Field, y: Field, height: Field, slope: Field) -> Field:
    """Distance to the graph ``y = height(x)``, positive below it (y grows downwards)."""
    return (y - height) / (1 + slope * slope).sqrt()


def smooth_union(a: Field, b: Field, radius: float) -> Field:
    """Union of two shapes with a fillet of about the given radius."""
    h = (radius - (a - b).abs()).clamp_min(0) / radius
    return torch.minimum(a, b) - h * h * radius / 4
