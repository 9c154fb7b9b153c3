"""What lies between a portrait and its pixels: lens, light, and things before the face."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d, pad

from synclora_lite.portraits.identity import CLOTHING, Color, Rows
from synclora_lite.portraits.scene import (
    Canvas,
    Image,
    Point,
    Scene,
    box,
    capsule,
    circle,
    coverage,
    ellipse,
    smooth_union,
)

OCCLUDERS = ("hand", "cup", "microphone")
# what is added to the identity's light from the side, the logarithm of the lamp's red, green and
# blue, and its fall across and down the picture
Light = Float[Tensor, "frames 6"]
AWAY = 3.0  # an occluder at this height is far below the picture


@dataclass(frozen=True, eq=False)
class Occluder:
    """A hand, cup or microphone that comes before the face and leaves again."""

    kind: str  # one of `OCCLUDERS`
    path: Float[Tensor, "frames 3"]  # its middle in half image widths, its angle in radians
    size: float = 1.0  # as large as life
    side: float = 1.0  # 1 for a right-hand thumb or handle, -1 mirrored
    color: Color = CLOTHING[5]  # of the cup or the microphone; a hand has the person's skin


@dataclass(frozen=True, eq=False)
class Camera:
    """How a clip and its edit are filmed: both by the same lens, in one light, behind one hand."""

    blur: float = 0.8  # standard deviation of the lens's Gaussian, in pixels of a picture 96 wide
    light: Light | None = None
    occluder: Occluder | None = None  # what passes before the face


def stack_cameras(cameras: Sequence[Camera], frames: int, device: torch.device | str) -> Rows:
    """One row per frame of every clip; ``kind``, 0 where there is no occluder, stays on the CPU."""
    nothing = Occluder("hand", torch.tensor([[0.0, AWAY, 0.0]]).expand(frames, 3))
    light, thing, kinds = [], [], []
    for camera in cameras:
        it = camera.occluder or nothing
        path = it.path[:frames]
        fixed = torch.tensor([it.size, it.side, *it.color, camera.blur]).expand(frames, -1)
        thing.append(torch.cat([path, fixed], 1))
        seen = (path[:, 1] < 2.2) & (path[:, 0].abs() < 1.6)
        kinds.append(torch.where(seen, 1 + OCCLUDERS.index(it.kind), 0))
        light.append(torch.zeros(frames, 6) if camera.light is None else camera.light[:frames])
    things, lamps = (torch.cat(rows).to(device)[..., None, None] for rows in (thing, light))
    view = {name: things[:, k] for k, name in enumerate(("x", "y", "angle", "size", "mirror"))}
    view |= {"color": things[:, 5:8], "blur": things[:, 8, 0, 0], "kind": torch.cat(kinds)}
    view |= {"side": lamps[:, 0], "tint": lamps[:, 1:4]}
    return view | {"across": lamps[:, 4], "down": lamps[:, 5]}


def lens_blur(image: Image, sigma: Float[Tensor, " n"]) -> Image:
    """Blur each picture by a Gaussian of its own, sigma in pixels."""
    n, channels, height, width = image.shape
    reach = max(1, math.ceil(3 * float(sigma.max())))
    offset = torch.arange(-reach, reach + 1, device=image.device)
    kernel = torch.exp(-0.5 * (offset / sigma[:, None].clamp_min(1e-3)) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    flat = pad(image, [reach] * 4, mode="replicate").flatten(0, 1)[None]
    flat = conv2d(flat, kernel[:, None, :, None], groups=n * channels)
    flat = conv2d(flat, kernel[:, None, None, :], groups=n * channels)
    return flat.view(n, channels, height, width)


FINGERS = (  # knuckle, tip, thickness
    ((-0.135, -0.10), (-0.215, -0.37), 0.046),
    ((-0.045, -0.14), (-0.075, -0.48), 0.050),
    ((0.045, -0.14), (0.060, -0.50), 0.050),
    ((0.130, -0.11), (0.190, -0.43), 0.047),
)
THUMB = ((0.12, 0.12), (0.33, -0.10), 0.055)


@dataclass(frozen=True)
class _Thing(Canvas):
    """Frames of a scene in the coordinates of what is before the face."""

    x: Tensor
    y: Tensor
    own: Tensor  # its colour
    light: Tensor
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

    def arm(self, start: Point, end: Point) -> None:
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


def _hand(t: _Thing) -> None:
    """An open hand with its fingers spread, on a sleeved forearm."""
    t.arm((0.0, 0.25), (0.02, 1.9))
    palm = box(t.x, t.y - 0.05, 0.185, 0.20, 0.11)
    palm = smooth_union(palm, capsule(t.x, t.y, (0.0, 0.1), (0.0, 0.4), 0.115), 0.1)
    hand = smooth_union(palm, capsule(t.x, t.y, *THUMB), 0.07)
    for finger in FINGERS:
        hand = smooth_union(hand, capsule(t.x, t.y, *finger), 0.03)
    t.solid(hand, t.skin, 0.055)
    for (x0, y0), (x1, y1), thick in FINGERS:
        dx, dy = x1 - x0, y1 - y0
        for part in (0.42, 0.72):
            crease = ellipse(t.x - x0 - part * dx, t.y - y0 - part * dy, 0.7 * thick, 0.008)
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


def occluders(s: Scene) -> None:
    """Paint what is before the face into the frames where there is something."""
    for number, draw in enumerate((_hand, _cup, _microphone), 1):
        rows = (s.view["kind"] == number).nonzero()[:, 0].to(s.image.device)
        if len(rows) == 0:
            continue
        names = ("x", "y", "angle", "size", "mirror", "color")
        x, y, angle, size, mirror, color = (s.view[name][rows] for name in names)
        du, dv, cos, sin = s.u - x, s.v - y, angle.cos(), angle.sin()
        across, down = (du * cos + dv * sin) / size * mirror, (dv * cos - du * sin) / size
        light, skin, sleeve = (s.who[name][rows] for name in ("light", "skin", "clothing_color"))
        image, pixel = s.image[rows], 2 / s.image.shape[-1] / size
        draw(_Thing(image, pixel, across, down, color, light * mirror, skin, sleeve))
        s.image[rows] = image
