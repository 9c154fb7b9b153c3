"""Recipe: the base image-to-video model, on single clips and on two panels side by side."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXVideoTransformer3DModel,
)
from jaxtyping import Float
from torch import Tensor

from recipes.config import PretrainConfig
from synclora_lite.core import flow_loss, in_context_batch, sample_sigmas, scheduler_shift
from synclora_lite.models import I2VModel, load_model, load_part, save_model
from synclora_lite.training.bank import LatentDataset, seeded, shuffled_rows, split_rows
from synclora_lite.training.config import FlowConfig
from synclora_lite.training.loop import Recipe
from synclora_lite.training.validation import loss_by_level, sample_clips

CAPTION_CHANNELS = 32

Latents = Float[Tensor, "batch channels frames height width"]
Pairs = Float[Tensor, "batch 2 channels frames height width"]


def pretrain_recipe(config: PretrainConfig) -> Recipe:
    """Return the recipe that trains the transformer to animate a first frame.

    Of a bank of pairs, both clips are used, each by itself; a step on two panels takes a source
    and its edit beside each other, in either order, as the paper makes its pairs. In some of these
    the left panel is given whole and sees only itself: large video models learn to continue a
    picture to its side, and this is what an in-context adapter later finds and sharpens.
    """
    bank = LatentDataset(config.bank)
    model = base_model(config)
    model.transformer.train()
    if config.loop.checkpointing:
        model.transformer.enable_gradient_checkpointing()
    device, seed = config.loop.device, config.loop.seed
    train_rows, held_rows = split_rows(torch.arange(len(bank)), config.validation_clips)
    loss_of = torch.compile(flow_loss) if config.loop.compile else flow_loss

    def rows_of(index: int, generator: torch.Generator) -> tuple[Tensor, bool]:
        two_panel = torch.rand((), generator=generator).item() < config.two_panel
        batch = max(1, config.loop.batch // 2) if two_panel else config.loop.batch
        return shuffled_rows(train_rows, batch, index, seed), two_panel

    def loss(index: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        rows, two_panel = rows_of(index, generator)
        whole = two_panel and torch.rand((), generator=generator).item() < config.given_panel
        pairs, beside = bank.read(rows), None
        if whole:
            beside, latents = in_either_order(pairs, generator).to(device).unbind(1)
        else:
            latents = (two_panels if two_panel else single_clips)(pairs, generator).to(device)
        sigmas, noise = draw_noise(model, latents, generator, config.flow)
        given = torch.rand(len(rows), generator=generator) < config.first_frame
        conditioning = model.conditioning(latents.shape[2:], beside, -latents.shape[-1])
        batch = in_context_batch(latents, noise, sigmas, conditioning, given.to(device))
        value = loss_of(model.transformer, batch).mean()
        kind = "given_panel" if whole else "two_panel" if two_panel else "single"
        return value, {f"loss_{kind}": value.item()}

    def validate(step: int, out: Path) -> dict[str, float]:
        clips = bank.read(held_rows)[:, 0].to(device)
        conditioning = model.conditioning(clips.shape[2:])

        def held_loss(noise: Tensor, levels: Tensor) -> Tensor:
            batch = in_context_batch(clips, noise, levels, conditioning)
            return flow_loss(model.transformer, batch)

        numbers = loss_by_level(held_loss, clips)
        video = out / "samples" / f"step-{step:08d}.mp4"
        return numbers | sample_clips(model, clips[: config.samples], video)

    return Recipe(
        parameters=dict(model.transformer.named_parameters()),
        loss=loss,
        validate=validate if config.validation_clips else None,
        export=lambda folder: save_model(model, folder, torch.float16),
        settings={k: v for k, v in asdict(config).items() if k != "loop"},
        pairs=lambda index: bank.names(rows_of(index, seeded(seed, index))[0]),
    )


def base_model(config: PretrainConfig) -> I2VModel:
    """Return the model to train: the trained autoencoder, with the transformer of `start` or a new.

    A base whose autoencoder was trained on goes on with the new latents, which lie near the old.
    """
    vae = load_part(AutoencoderKLLTXVideo, config.vae)
    vae.eval().requires_grad_(requires_grad=False).to(config.loop.device)
    if config.start:
        return replace(load_model(config.start, config.loop.device), vae=vae)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.loop.seed)
        transformer = LTXVideoTransformer3DModel(
            **transformer_config(
                channels=vae.config.latent_channels,
                width=config.width,
                layers=config.layers,
                heads=config.heads,
                caption_channels=CAPTION_CHANNELS,
            )
        )
        caption = torch.randn(1, 1, CAPTION_CHANNELS)
    torch.nn.init.zeros_(transformer.proj_out.weight)  # the first prediction is no motion at all
    return I2VModel(
        vae,
        transformer.to(config.loop.device),
        FlowMatchEulerDiscreteScheduler(**config.scheduler),
        caption.to(config.loop.device),
        config.frame_rate,
        config.positions,
    )


def single_clips(pairs: Pairs, generator: torch.Generator) -> Latents:
    """Return one clip of each pair, the source or the edited one."""
    side = torch.randint(2, (len(pairs),), generator=generator)
    return pairs[torch.arange(len(pairs)), side]


def two_panels(
    pairs: Pairs, generator: torch.Generator
) -> Float[Tensor, "batch channels frames height both_widths"]:
    """Return both clips of each pair beside each other, in either order."""
    return torch.cat(in_either_order(pairs, generator).unbind(1), dim=-1)


def in_either_order(pairs: Pairs, generator: torch.Generator) -> Pairs:
    """Swap the two clips of half the pairs."""
    first = torch.randint(2, (len(pairs),), generator=generator)
    row = torch.arange(len(pairs))
    return torch.stack([pairs[row, first], pairs[row, 1 - first]], dim=1)


def draw_noise(
    model: I2VModel, latents: Latents, generator: torch.Generator, flow: FlowConfig
) -> tuple[Float[Tensor, " batch"], Latents]:
    """Return one noise level per clip, and noise."""
    tokens = latents[0, 0].numel()
    mu = scheduler_shift(tokens, model.scheduler) if flow.mu is None else flow.mu
    sigmas = sample_sigmas(len(latents), generator, mu=mu, std=flow.std, uniform=flow.uniform)
    noise = torch.randn(latents.shape, generator=generator)
    return sigmas.to(latents.device), noise.to(latents.device)


def transformer_config(
    *, channels: int, width: int, layers: int, heads: int, caption_channels: int = 32
) -> dict[str, Any]:
    """Return an `LTXVideoTransformer3DModel` configuration from the sizes one chooses.

    Args:
        channels: Latent channels.
        width: Channels inside the transformer, a multiple of `heads`.
        layers: Number of blocks.
        heads: Attention heads.
        caption_channels: Size of the constant caption embedding.

    """
    return {
        "in_channels": channels,
        "out_channels": channels,
        "num_attention_heads": heads,
        "attention_head_dim": width // heads,
        "cross_attention_dim": width,
        "num_layers": layers,
        "caption_channels": caption_channels,
    }
