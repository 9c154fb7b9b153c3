"""Recipe: the autoencoder, on frames."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLLTXVideo
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from jaxtyping import Float
from torch import Tensor

from recipes.config import AutoencoderConfig
from recipes.latent_axes import order_latents
from recipes.principal import LOG_VARIANCE, principal_start
from recipes.rendering import cases_of, training_case
from synclora_lite.errors import TrainingError
from synclora_lite.models import check_size, load_part, save_part
from synclora_lite.models.latents import to_frames, to_model_range
from synclora_lite.portraits import feature_mask
from synclora_lite.training.bank import LatentDataset, seeded, shuffled_rows, split_rows
from synclora_lite.training.loop import Recipe
from synclora_lite.video import write_clip

Video = Float[Tensor, "batch 3 frames height width"]


def vae_config(channels: int, width: int, patch: int) -> dict[str, Any]:
    """Return an `AutoencoderKLLTXVideo` configuration that halves all three axes twice.

    Four frames and 4 * `patch` pixels become one latent. As in LTX-Video 0.9.5, a shortcut runs
    around every change of size, which makes the first hundred steps count. Each of these changes
    divides its channels among the places that it joins, so joining 2 x 2 x 2 places at once
    leaves each an eighth, 16 channels of 128. That bounds the whole: 16 numbers for 8 x 8 pixels
    and 2 frames keep 26.4 dB of rendered portraits by principal components, and an autoencoder
    built so stood still at 26.7 dB. So the encoder joins places in space twice, then frames
    twice. Most of the decoder's layers work at half the resolution of its patches, where a layer
    has few weights for what it computes.
    """
    return {
        "latent_channels": channels,
        "block_out_channels": (width // 2, width, 2 * width, 2 * width, 2 * width),
        "decoder_block_out_channels": (width, 2 * width),
        "down_block_types": ("LTXVideo095DownBlock3D",) * 4,
        "layers_per_block": (1, 2, 0, 1, 1),
        "decoder_layers_per_block": (2, 6, 1),
        "spatio_temporal_scaling": (True,) * 4,
        "decoder_spatio_temporal_scaling": (True, True),
        "decoder_inject_noise": (False,) * 3,
        "downsample_type": ("spatial", "spatial", "temporal", "temporal"),
        "upsample_residual": (True, True),
        "upsample_factor": (2, 2),
        "patch_size": patch,
        "spatial_compression_ratio": 4 * patch,
        "temporal_compression_ratio": 4,
    }


def new_autoencoder(config: AutoencoderConfig, bank: LatentDataset) -> AutoencoderKLLTXVideo:
    """Return the autoencoder to train: `start`, or a new one that begins with little noise.

    Raises:
        ModelError: It takes no clips of the size and length that it would be shown.

    """
    vae = load_part(AutoencoderKLLTXVideo, config.start) if config.start else _fresh(config, bank)
    height, width = (config.crop or side for side in bank.shards[0].shape[3:5])
    check_size(vae, config.frames, height, width)
    return vae


def _fresh(config: AutoencoderConfig, bank: LatentDataset) -> AutoencoderKLLTXVideo:
    """Return a new autoencoder, fitted to principal components if asked."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.loop.seed)
        vae = AutoencoderKLLTXVideo(**vae_config(config.channels, config.width, config.patch))
    torch.nn.init.constant_(vae.encoder.conv_out.conv.bias[-1:], LOG_VARIANCE)
    if config.principal:
        rows = torch.linspace(0, len(bank) - config.validation_clips - 1, config.principal).long()
        clips = torch.stack([bank.read(row[None])[0, 0, :9] for row in rows])
        principal_start(vae, to_model_range(clips))
    return vae


def autoencoder_recipe(config: AutoencoderConfig) -> Recipe:
    """Return the recipe that trains the autoencoder to give frames back.

    Raises:
        TrainingError: The bank's clips are smaller or shorter than what is to be cut from them.
        ModelError: The autoencoder takes no clips of that size and length.

    """
    bank = _open_bank(config)
    train_rows, held_rows = split_rows(torch.arange(len(bank)), config.validation_clips)
    vae = new_autoencoder(config, bank).to(config.loop.device).train()
    vae.encoder.requires_grad_(not config.decoder_only)
    vae.to(memory_format=torch.channels_last_3d)  # twice as fast on CPUs with bfloat16

    def read(rows: Tensor, generator: torch.Generator) -> Video:
        pairs = bank.read(rows)  # (B, 2, F, H, W, 3)
        side = torch.randint(2, (len(rows),), generator=generator)
        return to_model_range(pairs[torch.arange(len(rows)), side]).to(config.loop.device)

    def rows_of(index: int) -> Tensor:
        return shuffled_rows(train_rows, config.loop.batch, index, config.loop.seed)

    def loss(index: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        rows = rows_of(index)
        video = read(rows, generator)
        first = int(torch.randint(video.shape[2] - config.frames + 1, (), generator=generator))
        window = slice(first, first + config.frames)
        cases = cases_of(bank, rows) if config.feature_weight else []
        weight = feature_weight(cases, video, config.feature_weight)[:, :, window]
        video = video[:, :, window]
        if config.crop:
            video, weight = crop_at_face(video, weight, config.crop, generator)
        posterior = vae.encode(video).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=generator).to(video.device)
        decoded = vae.decode(posterior.mean + posterior.std * noise).sample.float()
        pixel = reconstruction_error(decoded, video, weight, config)
        return pixel + config.kl * kl_divergence(posterior), {"pixel": pixel.item()}

    def validate(step: int, out: Path) -> dict[str, float]:
        vae.eval()
        video = read(held_rows, seeded(3))
        decoded = torch.cat(
            [vae.decode(vae.encode(c).latent_dist.mode()).sample for c in video.split(2)]
        )
        wall = torch.cat([torch.cat(list(v[:4]), dim=-1) for v in (video, decoded)], dim=-2)
        path = out / "samples" / f"step-{step:08d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_clip(path, to_frames(wall[None])[0].cpu().numpy(), fps=12.0)
        vae.train()
        error = (decoded.clamp(-1, 1) - video).square().mean() / 4
        return {"psnr": -10 * error.log10().item()}

    @torch.no_grad()
    def export(folder: Path) -> None:
        vae.eval()
        if not config.decoder_only:
            rows = shuffled_rows(train_rows, min(256, len(train_rows)), 0, 1)
            order_latents(vae, [read(r, seeded(4)) for r in rows.split(8)])
        save_part(vae, folder)

    return Recipe(
        parameters={n: p for n, p in vae.named_parameters() if p.requires_grad},
        loss=loss,
        validate=validate if config.validation_clips else None,
        export=export,
        settings={k: v for k, v in asdict(config).items() if k != "loop"},
        pairs=lambda index: bank.names(rows_of(index)),
    )


def feature_weight(
    cases: list[int], video: Video, strength: float
) -> Float[Tensor, "batch 1 frames height width"]:
    """Return how much each pixel counts: eyes and mouth, which carry the synchronization, most.

    Args:
        cases: The numbers of the training pairs that are shown; not needed without `strength`.
        video: The clips.
        strength: How much more the features count than the rest.

    """
    if not strength:
        return torch.ones_like(video[:, :1])
    motions = [training_case(case, video.shape[2]).motion for case in cases]
    weight = 1 + strength * feature_mask(motions, video.shape[-1])[:, None].to(video.device)
    return weight / weight.mean()


def _open_bank(config: AutoencoderConfig) -> LatentDataset:
    """Open the bank of a recipe whose crops and windows fit into its clips."""
    bank = LatentDataset(config.bank, "frames")
    frames, *sides = bank.read(torch.tensor([0])).shape[2:5]
    for name, wanted, most in (
        ("crop", config.crop, min(sides)),
        ("frames", config.frames, frames),
    ):
        if wanted > most:
            clips = f"clips of {frames} frames, {sides[1]}x{sides[0]} pixels"
            raise TrainingError(f"{name} {wanted} for {clips}", f"at most {most}")
    return bank


def crop_at_face(
    video: Video,
    weight: Float[Tensor, "batch 1 frames height width"],
    side: int,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "batch 3 frames side side"], Float[Tensor, "batch 1 frames side side"]]:
    """Cut a square from every clip, about a point near the middle of what counts most."""
    importance = (weight - weight.amin()).mean(dim=(1, 2))  # (B, H, W)
    jitter = torch.randn(len(video), 2, generator=generator) * side / 3
    cut = []
    for clip, mass, away in zip(video, importance, jitter, strict=True):
        places = torch.stack([mass.sum(1), mass.sum(0)]) / mass.sum()  # rows, columns
        middle = (places * torch.arange(len(mass), device=mass.device)).sum(1).cpu() + away
        top, left = (middle - side / 2).round().long().clamp(0, len(mass) - side).tolist()
        cut.append((clip, slice(top, top + side), slice(left, left + side)))
    crops = torch.stack([clip[:, :, y, x] for clip, y, x in cut])
    weights = torch.stack([w[:, :, y, x] for w, (_, y, x) in zip(weight, cut, strict=True)])
    return crops, weights


def reconstruction_error(
    decoded: Video,
    video: Video,
    weight: Float[Tensor, "batch 1 frames height width"],
    config: AutoencoderConfig,
) -> Float[Tensor, ""]:
    """Return the weighted absolute and squared errors, and that of differences in x and y.

    The differences make edges and small features count: an eyelid is few pixels.
    """
    error = decoded - video
    value = (weight * error.abs()).mean() + config.square_weight * (weight * error.square()).mean()
    for axis in (3, 4):
        value = value + config.gradient_weight * error.diff(dim=axis).abs().mean()
    return value


def kl_divergence(posterior: DiagonalGaussianDistribution) -> Float[Tensor, ""]:
    """Return the divergence from a standard normal, in nats per latent number."""
    return 0.5 * (posterior.mean**2 + posterior.var - 1 - posterior.logvar).mean()
