"""Train the lite base: it animates a first frame, and never sees a clean reference.

    python -m recipes.lite_base runs/latents runs/vae runs/base --steps 4000

Half the steps are single clips; half are two panels beside each other, noised at one level, with
clean first frames: so the base can make training pairs (chapter 2), as the paper's does.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from recipes.lite_latents import read_latents
from recipes.loop import Schedule, train, training_dtype
from synclora_lite.core import (
    Conditioning,
    flow_loss,
    in_context_batch,
    sample_sigmas,
    token_coordinates,
)
from synclora_lite.models import I2VModel, save_model
from synclora_lite.models.autoencoder import PrincipalAutoencoder
from synclora_lite.models.transformer import CleanLTXTransformer

FRAME_RATE, CAPTION_CHANNELS, SIDE, FRAMES = 12.0, 32, 16, 4
MU, SHIFT = 1.0, 2.7  # mean noise level of training, in log-odds


def new_transformer(channels: int, width: int, layers: int) -> CleanLTXTransformer:
    """Return a small LTX-Video transformer that predicts the mean clip at first."""
    transformer = CleanLTXTransformer(
        in_channels=channels,
        out_channels=channels,
        num_attention_heads=width // 64,
        attention_head_dim=64,
        cross_attention_dim=width,
        num_layers=layers,
        caption_channels=CAPTION_CHANNELS,
    )
    torch.nn.init.zeros_(transformer.proj_out.weight)
    torch.nn.init.zeros_(transformer.proj_out.bias)
    return transformer


def conditioning(caption: Tensor, frames: int, height: int, width: int) -> Conditioning:
    """Return what a plain clip is told: the constant caption, and where its tokens are."""
    coordinates = token_coordinates(
        frames, height, width, spatial_ratio=SIDE, temporal_ratio=FRAMES, frame_rate=FRAME_RATE
    )
    return Conditioning(caption, coordinates.to(caption.device))


def draw_clips(pairs: Tensor, count: int, step: int, generator: torch.Generator) -> Tensor:
    """Return `count` single clips, or half as many pairs of panels, by turns."""
    panels = step % 2 == 1
    rows = torch.randint(len(pairs), (count // 2 if panels else count,), generator=generator)
    side = torch.randint(2, (len(rows),), generator=generator)
    if panels:
        return torch.cat([pairs[rows, side], pairs[rows, 1 - side]], dim=-1)
    return pairs[rows, side]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("latents", type=Path)
    parser.add_argument("vae", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--cooldown", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--held", type=int, default=16, help="pairs kept for validation")
    given = parser.parse_args()
    device = torch.device(given.device)
    dtype = training_dtype(device)
    learned, held = read_latents(given.latents, given.held)
    vae = PrincipalAutoencoder.from_pretrained(given.vae)
    scheduler = FlowMatchEulerDiscreteScheduler(shift=SHIFT)
    torch.manual_seed(0)
    transformer = new_transformer(learned.shape[2], given.width, given.layers)
    caption = torch.randn(1, 1, CAPTION_CHANNELS)
    shipped = new_transformer(learned.shape[2], given.width, given.layers)
    transformer = transformer.to(device, dtype).train()
    told = caption.to(device, dtype)
    loss_of = torch.compile(flow_loss, dynamic=False) if given.compile else flow_loss

    def loss(step: int, generator: torch.Generator) -> Tensor:
        clips = draw_clips(learned, given.batch, step, generator).to(device).float()
        sigmas = sample_sigmas(len(clips), generator, mu=MU, uniform=0.05).to(device)
        noise = torch.randn(clips.shape, generator=generator).to(device)
        batch = in_context_batch(clips, noise, sigmas, conditioning(told, *clips.shape[2:]))
        return loss_of(transformer, batch).mean()

    @torch.no_grad()
    def validate() -> dict[str, float]:
        clips = held[:, 0].to(device).float()
        noise = torch.randn(clips.shape, generator=torch.Generator().manual_seed(0)).to(clips)
        told_all = conditioning(told, *clips.shape[2:])
        return {
            f"loss_{level}": float(
                flow_loss(
                    transformer,
                    in_context_batch(clips, noise, torch.full((len(clips),), level), told_all),
                ).mean()
            )
            for level in (0.2, 0.5, 0.8, 0.95)
        }

    def export(averaged: dict[str, Tensor]) -> None:
        shipped.load_state_dict(averaged)
        model = I2VModel(vae, shipped, scheduler, caption, FRAME_RATE)
        save_model(model, given.out / "model", torch.float16, max_shard_size="15MB")

    schedule = Schedule(
        steps=given.steps, lr=given.lr, cooldown=given.cooldown, minutes=given.minutes
    )
    train(transformer, loss, schedule, given.out, export=export, validate=validate)


if __name__ == "__main__":
    main()
