"""From pixels to normalised latents, from noise to others, and back."""

from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from synclora_lite.core import Layout, inference_sigmas, sample
from synclora_lite.errors import ModelError
from synclora_lite.models.autoencoder import (
    Autoencoder,
    Latents,
    MotionAutoencoder,
    Video,
    motion_to_first,
)
from synclora_lite.models.model import I2VModel

Frames = UInt8[Tensor, "batch frames height width 3"]


def to_model_range(frames: Frames) -> Video:
    """Return video frames as the autoencoder takes them, in [-1, 1]."""
    return frames.permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def to_frames(video: Video) -> Frames:
    """Return decoded clips as video frames."""
    return ((video.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 4, 1).contiguous()


def encode(model: I2VModel | torch.nn.Module, video: Video, **motion: Tensor) -> Latents:
    """Encode clips in [-1, 1] to normalised latents, the posterior's mode (no randomness).

    The autoencoder may be any of the LTX family; their scaling factors are all 1. Only
    `MotionAutoencoder` takes a `motion`. Raises ModelError for a size that it cannot take.
    """
    vae: Any = model.vae if isinstance(model, I2VModel) else model
    check_size(vae, *video.shape[2:])
    latents = vae.encode(video.to(vae.dtype), **motion).latent_dist.mode()
    return (latents - _channel(vae.latents_mean)) / _channel(vae.latents_std)


def encode_pair(
    model: I2VModel | torch.nn.Module, source: Video, target: Video
) -> Float[Tensor, "batch 2 channels latent_frames latent_height latent_width"]:
    """Encode clips and others that move alike; see `encode`.

    Where latents are motion and the rest, both take the source's motion: two estimates of it
    differ, and an adapter trained on both moves less than its reference (errors in variables).
    """
    vae: Any = model.vae if isinstance(model, I2VModel) else model
    shared = {}
    if isinstance(vae, MotionAutoencoder):
        shared = {"motion": motion_to_first(source.to(vae.dtype))}
    return torch.stack([encode(vae, clip, **shared) for clip in (source, target)], dim=1)


def decode(
    model: I2VModel | Autoencoder, latents: Latents, source: tuple[Video, Latents] | None = None
) -> Video:
    """Decode normalised latents to clips in [-1, 1].

    `source`, a clip in [-1, 1] and its latents, is what the latents were drawn beside; a
    `MotionAutoencoder` puts back what they cannot hold of it. Others have no place for it.
    """
    vae: Any = model.vae if isinstance(model, I2VModel) else model
    beside = {}
    if source is not None and isinstance(vae, MotionAutoencoder):
        beside = {"source": (source[0].to(vae.dtype), source[1].to(vae.dtype))}
    latents = latents * _channel(vae.latents_std) + _channel(vae.latents_mean)
    clean = latents.new_zeros(len(latents)) if vae.config.timestep_conditioning else None
    return vae.decode(latents.to(vae.dtype), clean, **beside).sample.float().clamp(-1, 1)


def denoise(
    model: I2VModel,
    first_frame: Float[Tensor, "batch channels 1 latent_height latent_width"],
    noise: Latents,
    *,
    steps: int = 20,
    reference: Latents | None = None,
    layout: Layout = "reference-self",
    guidance: float = 1.0,
) -> Latents:
    """Generate latents of the size of `noise`, Gaussian, whose (edited) first frame is given.

    See `core.sample`, and `I2VModel.conditioning` for the reference: the source clip's latents.
    `guidance` is the weight s of pred + s (pred_ref - pred).
    """
    sigmas = inference_sigmas(model.scheduler, steps, noise[0, 0].numel())
    conditioning = model.conditioning(noise.shape[2:], reference, layout)
    return sample(model.transformer, first_frame, noise, sigmas, conditioning, guidance=guidance)


def check_size(vae: Any, frames: int, height: int, width: int) -> None:
    """Raise a ModelError that names the nearest legal size if the autoencoder cannot take this."""
    r, s = vae.temporal_compression_ratio, vae.spatial_compression_ratio
    if frames < 1 or (frames - 1) % r:
        down = max(0, (frames - 1) // r) * r + 1
        advice = f"trim to {down} or pad to {down + r} frames"
        raise ModelError(f"{frames} frames", f"{r}k+1 frames", advice)
    if height % s or width % s or not height or not width:
        nearest = "x".join(str(max(s, round(n / s) * s)) for n in (width, height))
        what, advice = f"a clip of {width}x{height} pixels", f"resize or crop to {nearest}"
        raise ModelError(what, f"multiples of {s}", advice)


def legal_size(
    size: tuple[int, int, int], temporal_ratio: int, spatial_ratio: int
) -> tuple[int, int, int]:
    """Return the smallest legal frames, height and width that hold a clip of `size`."""
    frames, height, width = size
    rows, columns = (-(-n // spatial_ratio) * spatial_ratio for n in (height, width))
    return -(-(frames - 1) // temporal_ratio) * temporal_ratio + 1, rows, columns


def _channel(values: Float[Tensor, " channels"]) -> Float[Tensor, "1 channels 1 1 1"]:
    return values.view(1, -1, 1, 1, 1)
