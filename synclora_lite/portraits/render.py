"""Draw talking portraits: a relief-mapped head over flat layers, batched over clips and frames.

Every pixel is mapped back to *canonical head coordinates* (X right, Y down, half the head's
height is 1): the head turns, the drawing stays put. So each feature is drawn once, in its own
simple coordinates, and pose enters through one inverse mapping (`head_coordinates`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from synclora_lite.portraits import layers
from synclora_lite.portraits.identity import Identity, stack
from synclora_lite.portraits.motion import CHANNELS, Motion

HEAD_SCALE = 0.64  # half the head's height, in half image heights
HEAD_Y = 0.10  # the head sits a little below the middle, to leave room for hats
RELIEF = 0.60  # depth of the face from the axis the head turns about
NOSE_RELIEF = 0.13
CHUNK = 4  # frames drawn at once: their fields fit in the processor's cache


@dataclass(frozen=True)
class Scene:
    """Everything a layer needs: the canvas and the coordinates of each depth."""

    image: Float[Tensor, "n 3 h w"]
    u: Float[Tensor, "1 1 w"]  # the picture's own coordinates, -1 to 1
    v: Float[Tensor, "1 h 1"]
    x: Float[Tensor, "n h w"]  # canonical coordinates on the face
    y: Float[Tensor, "n h w"]
    pixel: float  # width of a pixel in head units
    motion: dict[str, Float[Tensor, "n 1 1"]]
    who: dict[str, Tensor]

    def plane(self, depth: float) -> tuple[Tensor, Tensor]:
        """Canonical coordinates on a plane that turns with the head, at a depth behind the face."""
        m = self.motion
        u, v = _head_frame(self.u, self.v, m)
        x = (u - depth * m["yaw"].sin()) / m["yaw"].cos()
        y = (v - depth * m["pitch"].sin()) / m["pitch"].cos()
        return x, y

    def paint(self, cover: Tensor, color: Tensor) -> None:
        """Blend a colour into the picture where it covers."""
        self.image.lerp_(color.expand_as(self.image), cover.unsqueeze(1).expand_as(self.image))


def _head_frame(u: Tensor, v: Tensor, m: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Undo translation, scale and roll."""
    du, dv = (u - m["x"]) / HEAD_SCALE, (v - HEAD_Y - m["y"]) / HEAD_SCALE
    cos, sin = m["roll"].cos(), m["roll"].sin()
    return du * cos + dv * sin, dv * cos - du * sin


def head_coordinates(u: Tensor, v: Tensor, m: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Invert ``U = X cos(yaw) + z(X, Y) sin(yaw)`` and its vertical twin by fixed-point steps.

    The face is the paraboloid ``z = RELIEF (1 - X^2 - 0.8 Y^2)`` with a bump for the nose, so
    features near the middle move further than those at the sides, as on a real head.
    """
    u, v = _head_frame(u, v, m)
    cos_yaw, sin_yaw = m["yaw"].cos(), m["yaw"].sin()
    cos_pitch, sin_pitch = m["pitch"].cos(), m["pitch"].sin()
    x, y = u, v
    for step in range(4):
        x2, y2 = x * x, y * y
        z = (RELIEF * (1 - x2 - 0.8 * y2)).clamp_min(-0.5)
        if step >= 2:
            z = z + NOSE_RELIEF * torch.exp(-x2 * 40 - (y - 0.14) ** 2 * 18)
        x = (u - z * sin_yaw) / cos_yaw
        y = (v - (z * cos_yaw - x * sin_yaw) * sin_pitch) / cos_pitch
    return x, y


def _draw(who: dict[str, Tensor], motion: Tensor, size: int) -> UInt8[Tensor, "n h w 3"]:
    """Draw one chunk of frames; `motion` is (n, channels) and `who` has one row per frame."""
    device = motion.device
    axis = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    u, v = axis.view(1, 1, size), axis.view(1, size, 1)
    m = {name: motion[:, k, None, None] for k, name in enumerate(CHANNELS)}
    x, y = head_coordinates(u, v, m)
    image = torch.empty(len(motion), 3, size, size, device=device)
    scene = Scene(image, u, v, x, y, 2 / size / HEAD_SCALE, m, who)
    for layer in layers.ORDER:
        layer(scene)
    return (image * 255 + 0.5).clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


@torch.no_grad()
def render_batch(
    identities: Sequence[Identity],
    motions: Sequence[Motion],
    size: int = 128,
    device: torch.device | str = "cpu",
) -> UInt8[Tensor, "clips frames size size 3"]:
    """Render one clip per (identity, motion); all motions have the same number of frames.

    Raises:
        ValueError: the numbers of identities and motions differ, or the motions' lengths do.
    """
    lengths = {len(m) for m in motions}
    if len(identities) != len(motions) or len(lengths) != 1:
        raise ValueError(
            f"got {len(identities)} identities and {len(motions)} motions of {sorted(lengths)} "
            "frames; expected one motion per identity, all of one length"
        )
    frames = lengths.pop()
    who = stack(identities, device)
    motion = torch.cat([m.values for m in motions]).to(device)
    owner = torch.arange(len(identities), device=device).repeat_interleave(frames)
    drawn = [
        _draw({k: t[owner[s : s + CHUNK]] for k, t in who.items()}, motion[s : s + CHUNK], size)
        for s in range(0, len(motion), CHUNK)
    ]
    return torch.cat(drawn).view(len(identities), frames, size, size, 3)


def render_clip(
    identity: Identity, motion: Motion, size: int = 128
) -> UInt8[np.ndarray, "frames size size 3"]:
    """Render one clip as the uint8 RGB array that every other room reads."""
    return render_batch([identity], [motion], size)[0].numpy()


@torch.no_grad()
def feature_mask(
    motions: Sequence[Motion], size: int = 128, device: torch.device | str = "cpu"
) -> Float[Tensor, "clips frames size size"]:
    """Where the eyes and the mouth are: 1 on them, 0 elsewhere, soft in between.

    A fraction of the pixels carries nearly all of the synchronization; losses weigh them up.
    """
    axis = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    masks = []
    for motion in motions:
        values = motion.values.to(device)
        m = {name: values[:, k, None, None] for k, name in enumerate(CHANNELS)}
        x, y = head_coordinates(axis.view(1, 1, size), axis.view(1, size, 1), m)
        eyes = ((x.abs() - 0.335) / 0.30) ** 2 + ((y + 0.12) / 0.22) ** 2
        mouth = (x / 0.38) ** 2 + ((y - 0.54) / 0.26) ** 2
        masks.append((2 - torch.minimum(eyes, mouth)).clamp(0, 1))
    return torch.stack(masks)
