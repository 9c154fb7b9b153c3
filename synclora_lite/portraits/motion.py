"""What moves: thirteen named channels per frame, of a person who looks, speaks and blinks."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

HEAD = ("yaw", "pitch", "roll", "x", "y")
CHANNELS = (*HEAD, "blink_left", "blink_right", "gaze_x", "gaze_y",
            "mouth_open", "mouth_width", "brow", "smile")  # fmt: skip
TURN = 0.27  # how far a head turns in everyday talk, in radians
FAR_TURN = 0.6


@dataclass(frozen=True)
class Motion:
    """A trajectory: one row per frame, one column per name in `CHANNELS`.

    Angles are in radians (yaw > 0 looks to the image's right, pitch > 0 looks down), x and y in
    half image widths, blink 0 open to 1 closed, gaze -1 to 1, mouth_open 0 to 1.
    """

    values: Float[Tensor, "frames channels"]
    fps: float

    def __getitem__(self, channel: str) -> Float[Tensor, " frames"]:
        return self.values[:, CHANNELS.index(channel)]

    def __len__(self) -> int:
        return len(self.values)

    def replace(self, **channels: Float[Tensor, " frames"]) -> "Motion":
        """Return a copy with some channels exchanged."""
        values = self.values.clone()
        for name, trace in channels.items():
            values[:, CHANNELS.index(name)] = trace
        return Motion(values, self.fps)


def smooth_noise(seconds: Tensor, cutoff: float, generator: torch.Generator) -> Tensor:
    """Band-limited noise of about unit variance: six sinusoids up to `cutoff` hertz."""
    frequency = cutoff * (torch.arange(6) + torch.rand(6, generator=generator)) / 6
    phase = 2 * math.pi * torch.rand(6, generator=generator)
    gain = torch.randn(6, generator=generator) / math.sqrt(3)
    return (gain * torch.sin(2 * math.pi * frequency * seconds[:, None] + phase)).sum(1)


def _saccades(seconds: Tensor, generator: torch.Generator) -> Tensor:
    """Piecewise constant looks with quick transitions, about two a second, in [-1, 1]."""
    looks = max(2, round(float(seconds[-1]) * 2) + 2)
    start = torch.cumsum(0.25 + 0.5 * torch.rand(looks, generator=generator), 0) - 0.5
    target = 2 * torch.rand(looks, generator=generator) - 1
    jump = torch.diff(target, prepend=torch.zeros(1))
    return (jump * torch.sigmoid((seconds[:, None] - start) * 40)).sum(1)


def _blinks(seconds: Tensor, generator: torch.Generator) -> Tensor:
    """Blink events of about 0.3 s at random times; the clip opens with open eyes."""
    trace = torch.zeros_like(seconds)
    at = 0.3 + 0.9 * float(torch.rand((), generator=generator))
    while at < float(seconds[-1]) - 0.1:
        trace = torch.maximum(trace, torch.exp(-(((seconds - at) / 0.105) ** 4)))
        at += 0.75 + 1.6 * float(torch.rand((), generator=generator))
    return trace


def _speech(seconds: Tensor, generator: torch.Generator) -> Tensor:
    """Syllables (about 3 a second) under a slow envelope of speaking and pausing, in [0, 1]."""
    rate = 2.2 + 1.2 * float(torch.rand((), generator=generator))
    phase = 6.3 * float(torch.rand((), generator=generator))
    wander = 0.8 * smooth_noise(seconds, 1.5, generator)
    syllable = 0.5 - 0.5 * torch.cos(2 * math.pi * rate * seconds + phase + wander)
    envelope = torch.sigmoid(3 * (smooth_noise(seconds, 0.8, generator) + 0.5))
    return syllable * envelope


def sample_motion(
    generator: torch.Generator, frames: int = 17, fps: float = 12.0, *, turn: float = TURN
) -> Motion:
    """Draw a random talking, looking, blinking and nodding trajectory.

    The yaw stays within `turn` radians; a head that turns further than TURN starts within it.
    """
    g = generator
    seconds = torch.arange(frames) / fps
    blink = _blinks(seconds, g)
    mouth = _speech(seconds, g) * (0.55 + 0.45 * torch.rand((), generator=g))
    yaw = smooth_noise(seconds, 0.9, g)
    start = TURN * torch.tanh(yaw[0])
    wide = start + (turn - start.abs()) * torch.tanh(1.6 * (yaw - yaw[0]))
    values = {
        "yaw": TURN * torch.tanh(yaw) if turn == TURN else wide,
        "pitch": min(0.3, 0.21 * (turn / TURN)) * torch.tanh(smooth_noise(seconds, 1.1, g)),
        "roll": 0.14 * torch.tanh(smooth_noise(seconds, 0.8, g)),
        "x": 0.06 * torch.tanh(smooth_noise(seconds, 0.6, g)),
        "y": 0.04 * torch.tanh(smooth_noise(seconds, 0.6, g)),
        "blink_left": blink,
        "blink_right": blink,
        "gaze_x": _saccades(seconds, g).clamp(-1, 1),
        "gaze_y": _saccades(seconds, g).clamp(-1, 1),
        "mouth_open": mouth,
        "mouth_width": torch.tanh(smooth_noise(seconds, 1.6, g)),
        "brow": torch.tanh(0.8 * smooth_noise(seconds, 1.0, g)),
        "smile": 0.25 * torch.sigmoid(2 * smooth_noise(seconds, 0.5, g)),
    }
    return Motion(torch.stack([values[c] for c in CHANNELS], 1), fps)
