"""What a layer needs: a canvas, shapes to paint, and the way from a pixel back to the head.

Every pixel is mapped back to *canonical head coordinates* (X right, Y down, half the head's
height is 1): the head turns, the drawing stays put. Shapes are signed distances, negative inside
(Quilez, "2D distance functions"); `coverage` makes them shares of pixels, and so antialiases.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

Field = Float[Tensor, "*#batch #height #width"]
Image = Float[Tensor, "n 3 h w"]
Value = Float[Tensor, "*#batch #height #width"] | float
Point = tuple[float, float]
HEAD_SCALE = 0.64  # half the head's height, in half image heights
HEAD_Y = 0.10  # the head sits a little below the middle, to leave room for hats
RELIEF = 0.60  # depth of the face from the axis the head turns about
NOSE_RELIEF = 0.13
BEND = 0.55  # the face falls back less from middle to chin than from middle to ear


@dataclass(frozen=True)
class Canvas:
    """A picture to paint into."""

    image: Image
    pixel: Value  # width of a pixel in the unit of the shapes

    def paint(self, cover: Tensor, color: Tensor, amount: float = 0.0) -> None:
        """Blend a colour, lightened or darkened by an amount, into the picture where it covers."""
        color = tint(color, amount)
        self.image.lerp_(color.expand_as(self.image), cover.unsqueeze(1).expand_as(self.image))

    def inside(self, distance: Tensor) -> Tensor:
        """Share of each pixel that is inside a shape."""
        return coverage(distance, self.pixel)

    def strip(self, inside_top: Field, inside_bottom: Field) -> Field:
        """Coverage between two curves, from the signed distances to each (negative inside).

        Exactly zero once the curves meet: an eyelid closes without the smear of a flat ellipse.
        """
        return (self.inside(inside_top) + self.inside(inside_bottom) - 1).clamp(0, 1)

    def stroke(self, distance: Field, width: Value) -> Field:
        """Coverage of a line of the given full width along the zero set of a distance."""
        return self.strip(distance - width / 2, -distance - width / 2)

    def color(self, *rgb: float) -> Float[Tensor, "1 3 1 1"]:
        """Return a colour that all pictures share."""
        return self.image.new_tensor([rgb])[..., None, None]


@dataclass(frozen=True)
class Scene(Canvas):
    """Everything a layer needs: the canvas, in head units, and the coordinates of each depth."""

    u: Float[Tensor, "1 1 w"]  # the picture's own coordinates, -1 to 1
    v: Float[Tensor, "1 h 1"]
    x: Float[Tensor, "n h w"]  # canonical coordinates on the face
    y: Float[Tensor, "n h w"]
    motion: dict[str, Float[Tensor, "n 1 1"]]
    who: dict[str, Tensor]
    view: dict[str, Tensor]  # the camera's rows: lens, light and what passes before the face

    def plane(self, depth: float | Tensor) -> tuple[Tensor, Tensor]:
        """Canonical coordinates on a plane that turns with the head, at a depth behind the face."""
        m = self.motion
        u, v = _head_frame(self.u, self.v, m)
        x = (u - depth * m["yaw"].sin()) / m["yaw"].cos()
        return x, (v - depth * m["pitch"].sin()) / m["pitch"].cos()

    def solid(self, depth: float, roundness: float) -> tuple[Tensor, Tensor]:
        """Canonical coordinates of the silhouette of a solid `roundness` times as deep as wide."""
        m = self.motion
        u, v = _head_frame(self.u, self.v, m)
        wide = (m["yaw"].cos() ** 2 + (roundness * m["yaw"].sin()) ** 2).sqrt()
        high = (m["pitch"].cos() ** 2 + (roundness * m["pitch"].sin()) ** 2).sqrt()
        x = (u - depth * m["yaw"].sin()) / wide
        return x, (v - depth * m["yaw"].cos() * m["pitch"].sin()) / high

    def near(self, x: Tensor) -> Tensor:
        """How far the side on which x lies is turned towards us, 0 to 1."""
        return (-x.sign() * self.motion["yaw"].sin() * 3 - 0.2).clamp(0, 1)


def _head_frame(u: Tensor, v: Tensor, m: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Undo translation, scale and roll."""
    du, dv = (u - m["x"]) / HEAD_SCALE, (v - HEAD_Y - m["y"]) / HEAD_SCALE
    cos, sin = m["roll"].cos(), m["roll"].sin()
    return du * cos + dv * sin, dv * cos - du * sin


def surface_coordinates(u: Tensor, v: Tensor, m: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Invert ``U = X cos(yaw) + z(X, Y) sin(yaw)`` and its vertical twin for the face's surface.

    The face is the paraboloid ``z = RELIEF (1 - X^2 - BEND Y^2)`` with a bump for the nose. Each
    axis has a quadratic's visible root, ``a X^2 - b X + c = 0`` with ``a = RELIEF sin``,
    ``b = cos`` and ``c`` the rest; pixels beyond the silhouette keep a place outside of the head.
    """
    u, v = _head_frame(u, v, m)
    cos_yaw, sin_yaw = m["yaw"].cos(), m["yaw"].sin()
    cos_pitch, sin_pitch = m["pitch"].cos(), m["pitch"].sin()
    x, y = u, v
    bump = torch.zeros_like(u)
    for step in range(3):
        rest = u - (RELIEF * (1 - BEND * y * y) + bump) * sin_yaw
        x = _near_root(RELIEF * sin_yaw, cos_yaw, rest)
        rest = v - ((RELIEF * (1 - x * x) + bump) * cos_yaw - x * sin_yaw) * sin_pitch
        y = _near_root(RELIEF * BEND * cos_yaw * sin_pitch, cos_pitch, rest)
        if step < 2:
            bump = NOSE_RELIEF * torch.exp(-x * x * 40 - (y - 0.14) ** 2 * 18)
    return x, y


def _near_root(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Return the root of a x^2 - b x + c that is c / b for small a."""
    return 2 * c / (b + (b * b - 4 * a * c).clamp_min(0).sqrt())


def tint(color: Tensor, amount: float) -> Tensor:
    """Lighten (amount > 0) or darken (amount < 0) a colour."""
    return color + (1 - color) * amount if amount > 0 else color * (1 + amount)


def coverage(distance: Field, pixel: Value) -> Field:
    """Share of each pixel inside the shape, for pixels of the given width."""
    return (0.5 - distance / pixel).clamp(0, 1)


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


def capsule(x: Field, y: Field, start: Point, end: Point, radius: Value) -> Field:
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
