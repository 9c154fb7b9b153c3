"""Draw talking portraits: a relief-mapped head over flat layers, batched over clips and frames."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from synclora_lite.portraits.camera import Camera, lens_blur, stack_cameras
from synclora_lite.portraits.identity import Identity, Rows, stack
from synclora_lite.portraits.layers import ORDER
from synclora_lite.portraits.motion import CHANNELS, Motion
from synclora_lite.portraits.scene import HEAD_SCALE, Scene, surface_coordinates

STANDARD = Camera()


def _draw(who: Rows, motion: Tensor, view: Rows, size: int) -> UInt8[Tensor, "n h w 3"]:
    """Draw one chunk of frames; `motion` is (n, channels) and `who` has one row per frame."""
    device = motion.device
    axis = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    u, v = axis.view(1, 1, size), axis.view(1, size, 1)
    m = {name: motion[:, k, None, None] for k, name in enumerate(CHANNELS)}
    x, y = surface_coordinates(u, v, m)
    who = who | {"light": (who["light"] + view["side"]).clamp(-1.5, 1.5)}
    image = torch.empty(len(motion), 3, size, size, device=device)
    scene = Scene(image, 2 / size / HEAD_SCALE, u, v, x, y, m, who, view)
    for layer in ORDER:
        layer(scene)
    image = lens_blur(image, view["blur"] * size / 96)
    return (image * 255 + 0.5).clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


@torch.no_grad()
def render_batch(
    identities: Sequence[Identity],
    motions: Sequence[Motion],
    size: int = 128,
    device: torch.device | str = "cpu",
    cameras: Sequence[Camera] | None = None,
) -> UInt8[Tensor, "clips frames size size 3"]:
    """Render one clip per (identity, motion, camera); all motions have equally many frames."""
    frames = len(motions[0])
    who = stack(identities, device)
    motion = torch.cat([m.values for m in motions]).to(device)
    view = stack_cameras(cameras or [STANDARD] * len(motions), frames, device)
    owner = torch.arange(len(identities), device=device).repeat_interleave(frames)
    drawn = []
    chunk = 4 if motion.device.type == "cpu" else 136  # a processor's cache is small, a GPU wide
    for part in torch.arange(len(motion), device=device).split(chunk):
        filmed = {name: rows[part.to(rows.device)] for name, rows in view.items()}
        people = {name: rows[owner[part]] for name, rows in who.items()}
        drawn.append(_draw(people, motion[part], filmed, size))
    return torch.cat(drawn).view(len(identities), frames, size, size, 3)


def render_clip(
    identity: Identity, motion: Motion, size: int = 128, camera: Camera = STANDARD
) -> UInt8[np.ndarray, "frames size size 3"]:
    """Render one clip as the uint8 RGB array that every other room reads."""
    return render_batch([identity], [motion], size, cameras=[camera])[0].numpy()
