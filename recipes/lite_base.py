"""Train the lite base: it animates a first frame, and never sees a clean reference.

    python -m recipes.lite_base runs/latents runs/vae runs/base --steps 4000

On two cores, a process each:

    accelerate launch --cpu --num_processes 2 -m recipes.lite_base ...

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
from synclora_lite.models.autoencoder import MotionAutoencoder
from synclora_lite.models.transformer import PreconditionedLTXTransformer
from synclora_lite.training.processes import keep_freed_memory

FRAME_RATE, CAPTION_CHANNELS = 12.0, 32
SIDE, FRAMES = 8, 4  # pixels and frames of a latent
STEPS = 2  # of sampling with the adapter: the reference leaves little to draw
MU = 1.0  # mean noise level of training, in log-odds
SHIFT = 19.0  # of sampling: of two steps the second begins at 0.95


def new_transformer(deviation: Tensor, width: int, layers: int) -> PreconditionedLTXTransformer:
    """Return a small LTX-Video transformer that predicts, at first, what a linear filter does.

    Its first layer lets every channel through at one strength. It is frozen when an adapter is
    trained, and a channel that hardly passes it can hardly be copied.
    """
    channels = len(deviation)
    transformer = PreconditionedLTXTransformer(
        in_channels=channels,
        out_channels=channels,
        num_attention_heads=width // 64,
        attention_head_dim=64,
        cross_attention_dim=width,
        num_layers=layers,
        caption_channels=CAPTION_CHANNELS,
    )
    torch.nn.init.orthogonal_(transformer.proj_in.weight, gain=4.0)
    torch.nn.init.zeros_(transformer.proj_out.weight)
    torch.nn.init.zeros_(transformer.proj_out.bias)
    transformer.latent_deviation.copy_(deviation)
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


class BaseTraining:
    """What the base learns from, in the device's fastest precision, and how it is kept."""

    def __init__(self, latents: Path, vae: Path, width: int, layers: int, device: torch.device):
        self.learned, self.held = read_latents(latents)
        self.vae = MotionAutoencoder.from_pretrained(vae, use_safetensors=True)
        self.device, dtype = device, training_dtype(device)
        deviation = self.learned[:64].float().flatten(3).movedim(2, 0).flatten(1).std(1)
        torch.manual_seed(0)
        self.shipped = new_transformer(deviation, width, layers)  # float32, on the CPU
        self.caption = torch.randn(1, 1, CAPTION_CHANNELS)
        self.transformer = new_transformer(deviation, width, layers)
        self.transformer.load_state_dict(self.shipped.state_dict())
        self.transformer.to(device, dtype).train()
        self.told = self.caption.to(device, dtype)

    def loss(self, clips: Tensor, sigmas: Tensor, noise: Tensor) -> Tensor:
        """Return the mean loss of plain clips: no reference, first frames given."""
        clips, noise = (t.to(self.device).float() for t in (clips, noise))
        told = conditioning(self.told, *clips.shape[2:])
        return flow_loss(
            self.transformer, in_context_batch(clips, noise, sigmas.to(self.device), told)
        ).mean()

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the losses of held-back clips at four noise levels."""
        clips = self.held[:, 0]
        noise = torch.randn(clips.shape, generator=torch.Generator().manual_seed(0))
        levels = (0.2, 0.5, 0.8, 0.95)
        return {
            f"loss_{s}": float(self.loss(clips, torch.full((len(clips),), s), noise))
            for s in levels
        }

    def export(self, averaged: dict[str, Tensor], folder: Path) -> None:
        """Write the model with the averaged weights."""
        self.shipped.load_state_dict(averaged, strict=False)  # all but the buffer
        scheduler = FlowMatchEulerDiscreteScheduler(shift=SHIFT)
        model = I2VModel(
            self.vae,
            self.shipped,
            scheduler,
            self.caption,
            FRAME_RATE,
            steps=STEPS,
        )
        save_model(model, folder, torch.float16, max_shard_size="15MB")


def main(arguments: list[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("latents", type=Path)
    parser.add_argument("vae", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=12000)
    parser.add_argument("--cooldown", type=int, default=0, help="last steps, at a falling rate")
    parser.add_argument("--save-every", type=int, default=200)
    parser.add_argument("--lr", type=float, default=4e-3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args(arguments)
    device = torch.device(given.device)
    keep_freed_memory()
    training = BaseTraining(given.latents, given.vae, given.width, given.layers, device)

    def loss(step: int, generator: torch.Generator) -> Tensor:
        clips = draw_clips(training.learned, given.batch, step, generator)
        sigmas = sample_sigmas(len(clips), generator, mu=MU, uniform=0.0)
        return training.loss(clips, sigmas, torch.randn(clips.shape, generator=generator))

    train(
        training.transformer,
        loss,
        Schedule(
            steps=given.steps,
            lr=given.lr,
            cooldown=given.cooldown,
            save_every=given.save_every,
        ),
        given.out,
        export=lambda averaged: training.export(averaged, given.out / "model"),
        validate=training.validate,
    )


if __name__ == "__main__":
    main()
