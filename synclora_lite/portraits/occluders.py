"""What passes before the face: a hand, a cup, a microphone, each drawn around its own middle."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from synclora_lite.portraits.scene import Canvas, Scene
from synclora_lite.portraits.shapes import box, capsule, circle, coverage, ellipse, smooth_union

FINGERS = (  # knuckle, tip, thickness
    ((-0.135, -0.10), (-0.215, -0.37), 0.046),
    ((-0.045, -0.14), (-0.075, -0.48), 0.050),
    ((0.045, -0.14), (0.060, -0.50), 0.050),
    ((0.130, -0.11), (0.190, -0.43), 0.047),
)
THUMB = ((0.12, 0.12), (0.33, -0.10), 0.055)


def occluders(s: Scene) -> None:
    """Paint what is before the face into the frames where there is something."""
    for number, draw in enumerate((_hand, _cup, _microphone), 1):
        rows = (s.view["kind"] == number).nonzero()[:, 0]
        if len(rows):
            rows = rows.to(s.image.device)
            part = _thing(s, s.view, rows)
            draw(part)
            s.image[rows] = part.image


@dataclass(frozen=True)
class _Thing(Canvas):
    """Some frames of a scene, in the coordinates of the thing before the face."""

    x: Tensor
    y: Tensor
    light: Tensor
    own: Tensor  # its colour
    skin: Tensor
    sleeve: Tensor

    def solid(self, distance: Tensor, color: Tensor, thick: float = 0.06) -> None:
        """Paint a round body: a soft shadow behind it, and darker towards its edges."""
        self.paint(0.22 * coverage(distance - 0.03, 0.12), color * 0.2)
        cover = self.inside(distance)
        self.paint(cover, color)
        edge = (1 + distance / thick).clamp(0, 1) ** 2
        self.paint(0.38 * cover * edge, color * 0.35)
        lit = (self.light * self.x * 1.5).clamp(-0.25, 0.25)
        self.paint(cover * lit.clamp_min(0), color, 0.5)
        self.paint(cover * (-lit).clamp_min(0), color * 0.4)

    def arm(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """A forearm that leaves the picture below, in a sleeve."""
        self.solid(capsule(self.x, self.y, start, end, 0.115), self.skin, 0.1)
        mid = (start[0] + 0.4 * (end[0] - start[0]), start[1] + 0.4 * (end[1] - start[1]))
        self.solid(capsule(self.x, self.y, mid, end, 0.17), self.sleeve, 0.14)

    def fist(self, x: float, y: float) -> None:
        """Four fingers around something, seen from the knuckles, and a thumb across."""
        self.solid(box(self.x - x - 0.05, self.y - y, 0.15, 0.17, 0.1), self.skin, 0.08)
        for k in range(4):
            row = y - 0.135 + 0.09 * k
            reach = x - 0.10 - (0.0, 0.02, 0.01, -0.02)[k]
            finger = capsule(self.x, self.y, (x + 0.09, row), (reach, row + 0.02), 0.046)
            self.solid(finger, self.skin, 0.05)


def _thing(s: Scene, view: dict[str, Tensor], rows: Tensor) -> _Thing:
    names = ("x", "y", "angle", "size", "mirror", "color")
    x, y, angle, size, mirror, color = (view[name][rows] for name in names)
    du, dv, cos, sin = s.u - x, s.v - y, angle.cos(), angle.sin()
    return _Thing(
        image=s.image[rows],
        pixel=2 / s.image.shape[-1] / size,
        x=(du * cos + dv * sin) / size * mirror,
        y=(dv * cos - du * sin) / size,
        light=s.who["light"][rows] * mirror,
        own=color,
        skin=s.who["skin"][rows],
        sleeve=s.who["clothing_color"][rows],
    )


def _hand(t: _Thing) -> None:
    """An open hand with its fingers spread, on a sleeved forearm."""
    t.arm((0.0, 0.25), (0.02, 1.9))
    palm = box(t.x, t.y - 0.05, 0.185, 0.20, 0.11)
    palm = smooth_union(palm, capsule(t.x, t.y, (0.0, 0.1), (0.0, 0.4), 0.115), 0.1)
    hand = smooth_union(palm, capsule(t.x, t.y, *THUMB), 0.07)
    inner = [capsule(t.x, t.y, *finger) for finger in FINGERS]
    for finger in inner:
        hand = smooth_union(hand, finger, 0.03)
    t.solid(hand, t.skin, 0.055)
    for (x0, y0), (x1, y1), thick in FINGERS:
        for part in (0.42, 0.72):
            crease = ellipse(
                t.x - x0 - part * (x1 - x0), t.y - y0 - part * (y1 - y0), 0.7 * thick, 0.008
            )
            t.paint(0.35 * t.inside(crease), t.skin * 0.5)
    for line in (((-0.12, -0.02), (0.13, -0.05)), ((-0.10, 0.06), (0.10, 0.04))):
        t.paint(0.22 * t.inside(capsule(t.x, t.y, *line, 0.008)), t.skin * 0.5)


def _cup(t: _Thing) -> None:
    """A cup with a handle, held by it."""
    t.arm((0.36, 0.16), (0.62, 1.9))
    handle = ellipse(t.x - 0.20, t.y, 0.15, 0.14).abs() - 0.035
    t.solid(handle, t.own, 0.05)
    body = box(t.x / (1 - 0.45 * t.y.clamp(-0.3, 0.3)), t.y, 0.20, 0.22, 0.05)
    t.solid(body, t.own, 0.12)
    t.paint(t.inside(ellipse(t.x, t.y + 0.20, 0.215, 0.045)), 0.6 + 0.4 * t.own)
    t.paint(t.inside(ellipse(t.x, t.y + 0.195, 0.185, 0.032)), 0.25 * t.own)
    band = t.inside((t.y - 0.02).abs() - 0.035) * t.inside(body)
    t.paint(0.5 * band, 0.35 + 0.65 * t.own.flip(1))
    t.fist(0.34, 0.02)


def _microphone(t: _Thing) -> None:
    """A ball head with its grid, a ring and a stick, held in a fist."""
    t.arm((0.10, 0.55), (0.30, 2.0))
    stick = box(t.x / (1.12 - 0.35 * t.y.clamp(0, 1)), t.y - 0.48, 0.075, 0.42, 0.03)
    t.solid(stick, t.own, 0.06)
    ball = circle(t.x, t.y, 0.15)
    steel = torch.full_like(t.own, 0.50)
    t.solid(ball, steel, 0.12)
    grid = torch.sin((t.x + t.y) * 75) * torch.sin((t.x - t.y) * 75)
    t.paint(0.45 * t.inside(ball) * (grid > 0.1), steel * 0.4)
    t.paint(0.5 * torch.exp(-((t.x + 0.05) ** 2 + (t.y + 0.06) ** 2) * 300), steel * 1.9)
    t.solid(box(t.x, t.y - 0.13, 0.095, 0.03, 0.02), steel * 0.7, 0.04)
    t.fist(0.0, 0.45)
