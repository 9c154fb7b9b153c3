"""What a flow model has learned, on clips held back from training."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from synclora_lite.core import Layout
from synclora_lite.core.sequence import Latents
from synclora_lite.models import I2VModel, decode, denoise
from synclora_lite.models.latents import to_frames
from synclora_lite.models.precision import awake
from synclora_lite.training.bank import seeded
from synclora_lite.video import write_clip

LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)
STEPS = 10


def loss_by_level(loss: Callable[[Tensor, Tensor], Tensor], clips: Latents) -> dict[str, float]:
    """Return the mean loss at fixed noise levels with fixed noise, and their mean.

    `loss` makes one loss per clip of noise, in the shape of the clips, and one level per clip.
    """
    noise = torch.randn(clips.shape, generator=seeded(17)).to(clips.device)
    losses = {}
    for level in LEVELS:
        levels = torch.full((len(clips),), level, device=clips.device)
        losses[f"loss_{level}"] = loss(noise, levels).mean().item()
    return {"loss": sum(losses.values()) / len(losses), **losses}


def sample_clips(
    model: I2VModel, truth: Latents, path: Path, reference: Latents, layout: Layout
) -> dict[str, float]:
    """Generate clips from the first frames of `truth` and write them below truth and source.

    Returns the PSNR in dB of the frames after the first against the decoded truth, and how much
    they move in comparison with it (1 is right); nothing for no clips.
    """
    if not len(truth):
        return {}
    noise = torch.randn(truth.shape, generator=seeded(23)).to(truth.device)
    made = denoise(model, truth[:, :, :1], noise, steps=STEPS, reference=reference, layout=layout)
    with awake(model.vae, model.device):
        videos = [decode(model, row).cpu() for row in (reference, truth, made)]
    wall = torch.cat([torch.cat(list(v), dim=-1) for v in videos], dim=-2)  # (3, F, H, W)
    write_clip(path, to_frames(wall[None])[0].numpy(), fps=model.frame_rate)
    expected, got = (video[:, :, 1:] for video in videos[1:])
    error = (expected - got).square().mean() / 4  # of the range [-1, 1]
    moved, right = (video.diff(dim=2).abs().mean().item() for video in (got, expected))
    return {"psnr": -10 * error.log10().item(), "motion": moved / right}
