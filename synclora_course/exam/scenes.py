"""What makes a scene hard: a lamp that wanders, a hand before the face, a head that moves more."""

import math

import torch
from torch import Tensor

from synclora_lite.portraits import Motion, Occluder
from synclora_lite.portraits.camera import AWAY, OCCLUDERS, Light
from synclora_lite.portraits.identity import CLOTHING, DARK, between, chance, pick
from synclora_lite.portraits.motion import HEAD, smooth_noise


def sample_light(generator: torch.Generator, frames: int = 17, fps: float = 12.0) -> Light:
    """Draw a lamp that wanders, dims and changes its colour through the clip."""
    seconds = torch.arange(frames) / fps
    side, bright, warm, across, down = (
        torch.tanh(smooth_noise(seconds, 0.9, generator)) for _ in range(5)
    )
    bright, warm = 0.22 * bright - 0.12, 0.10 * warm
    lamp = [1.3 * side, bright + warm, bright, bright - warm, 0.30 * across, 0.18 * down]
    return torch.stack(lamp, 1)


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
    color = pick(CLOTHING + DARK if kind == "cup" else DARK, g)
    return Occluder(kind, path, between(0.85, 1.1, g), side, color)


def more_lively(motion: Motion) -> Motion:
    """Turn and move the head nearly twice as far."""
    return motion.replace(**{name: 1.8 * motion[name] for name in HEAD})
