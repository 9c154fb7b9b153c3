"""What lies between a portrait and its pixels: lens, light, and things before the face.

Source and edited clip are filmed by the same camera, in the same light, behind the same hand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d, pad

from synclora_lite.portraits.identity import CLOTHING, Color, between, chance, pick, rgb
from synclora_lite.portraits.motion import smooth_noise

OCCLUDERS = ("hand", "cup", "microphone")
LIGHT = ("side", "red", "green", "blue", "across", "down")
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
    """How a clip is filmed.

    The light is, per frame, what is added to the identity's light from the side, the logarithm of
    the lamp's red, green and blue, and its fall across and down the picture.
    """

    blur: float = 0.8  # standard deviation of the lens's Gaussian, in pixels of a picture 96 wide
    noise: float = 0.0  # standard deviation of the sensor's noise, in grey levels of 0..255
    seed: int = 0  # of the noise
    light: Float[Tensor, "frames 6"] | None = None
    occluder: Occluder | None = None  # what passes before the face


def sample_light(
    generator: torch.Generator, frames: int = 17, fps: float = 12.0
) -> Float[Tensor, "frames 6"]:
    """Draw a lamp that wanders, dims and changes its colour through the clip."""
    seconds = torch.arange(frames) / fps
    noise = [torch.tanh(smooth_noise(seconds, 0.9, generator)) for _ in range(5)]
    side, bright, warm, across, down = noise
    bright, warm = 0.22 * bright - 0.12, 0.10 * warm
    return torch.stack(
        [1.3 * side, bright + warm, bright, bright - warm, 0.30 * across, 0.18 * down], 1
    )


def sample_occluder(generator: torch.Generator, frames: int = 17) -> Occluder:
    """Draw what passes before the face or is raised to it; in the first frame it is away."""
    g = generator
    kind = OCCLUDERS[int(torch.randint(len(OCCLUDERS), (), generator=g))]
    side = 2 * chance(0.5, g) - 1
    time = torch.linspace(0, 1, frames)
    start, stop = between(0.15, 0.4, g), between(0.65, 0.95, g)
    there = torch.sigmoid((time - start) * 22) * torch.sigmoid((stop - time) * 22)
    sway = 0.05 * torch.sin(2 * math.pi * (time * between(0.5, 1.5, g) + between(0.0, 1.0, g)))
    x: Tensor | float = between(-0.15, 0.15, g)
    y = {"hand": 0.62, "cup": 0.60, "microphone": 0.66}[kind] + between(-0.08, 0.10, g)
    angle = side * between(-0.35, 0.05, g)
    if kind == "hand" and chance(0.6, g):  # a wave from one side to the other
        x = side * 1.7 * (2 * (time - start) / (stop - start) - 1)
        there = torch.sigmoid((time - start / 2) * 40)
    height = y + (1 - there) * (1.9 - y) + sway
    height = torch.where(time > 0, height, AWAY)
    path = torch.stack([x + 0 * time + sway, height, angle + sway], 1)
    color = pick((*CLOTHING, rgb("1c1d20")) if kind == "cup" else (rgb("1c1d20"),), g)
    return Occluder(kind, path, between(0.85, 1.1, g), side, color)


def stack_cameras(
    cameras: Sequence[Camera], frames: int, device: torch.device | str
) -> dict[str, Float[Tensor, "..."]]:
    """One row per frame of every clip, as `identity.stack` does for people.

    ``kind`` stays on the CPU: 0 where nothing is before the face, else 1 + its number.
    """
    nothing = Occluder("hand", torch.tensor([[0.0, AWAY, 0.0]]).expand(frames, 3))
    light, thing, kinds = [], [], []
    for camera in cameras:
        lamp = torch.zeros(frames, len(LIGHT)) if camera.light is None else camera.light[:frames]
        it = camera.occluder or nothing
        path = it.path[:frames]
        fixed = torch.tensor([it.size, it.side, *it.color, camera.blur]).expand(frames, -1)
        light.append(lamp)
        thing.append(torch.cat([path, fixed], 1))
        seen = (path[:, 1] < 2.2) & (path[:, 0].abs() < 1.6)
        kinds.append(torch.where(seen, 1 + OCCLUDERS.index(it.kind), 0))
    lamps, things = torch.cat(light).to(device), torch.cat(thing).to(device)
    names = ("x", "y", "angle", "size", "mirror")
    view = {name: things[:, k, None, None] for k, name in enumerate(names)}
    view |= {name: lamps[:, k, None, None] for k, name in enumerate(LIGHT)}
    view |= {"color": things[:, 5:8, None, None], "blur": things[:, 8]}
    return view | {"tint": lamps[:, 1:4, None, None], "kind": torch.cat(kinds)}


def lens_blur(
    image: Float[Tensor, "n 3 h w"], sigma: Float[Tensor, " n"]
) -> Float[Tensor, "n 3 h w"]:
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
