"""Rectified flow: noise levels for training and inference, and what the transformer learns.

A noisy latent is a point on the straight line from a clip to noise; the transformer learns the
direction of that line (Liu et al. 2022, arXiv 2209.03003). Conventions are those of LTX-Video in
diffusers: sigma = 1 is noise, sigma = 0 the clip.
"""

import math

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from jaxtyping import Float
from torch import Tensor

TIMESTEPS = 1000  # the transformer is told sigma times this


def add_noise(
    latents: Float[Tensor, " batch *shape"],
    noise: Float[Tensor, " batch *shape"],
    sigmas: Float[Tensor, " batch"],
) -> Float[Tensor, " batch *shape"]:
    """Return x_t = (1 - sigma) x_0 + sigma noise, one sigma per sample."""
    return torch.lerp(latents, noise, sigmas.view(-1, *[1] * (latents.ndim - 1)))


def velocity_target(
    latents: Float[Tensor, " batch *shape"], noise: Float[Tensor, " batch *shape"]
) -> Float[Tensor, " batch *shape"]:
    """Return the velocity to predict, d x_t / d sigma = noise - x_0."""
    return noise - latents


def token_shift(tokens: int, scheduler: FlowMatchEulerDiscreteScheduler) -> float:
    """Return mu for a clip of `tokens` target tokens: linear, as `calculate_shift` of diffusers."""
    config = scheduler.config
    slope = (config.max_shift - config.base_shift) / (
        config.max_image_seq_len - config.base_image_seq_len
    )
    return config.base_shift + slope * (tokens - config.base_image_seq_len)


def scheduler_shift(tokens: int, scheduler: FlowMatchEulerDiscreteScheduler) -> float:
    """Return the mu that `scheduler` applies at inference, for training at the same levels."""
    if scheduler.config.use_dynamic_shifting:
        return token_shift(tokens, scheduler)
    return math.log(scheduler.shift)


def sample_sigmas(
    batch: int,
    generator: torch.Generator,
    *,
    mu: float = 0.0,
    std: float = 1.0,
    uniform: float = 0.1,
) -> Float[Tensor, " batch"]:
    """Draw noise levels for training from a shifted logit-normal, some of them uniformly.

    Args:
        batch: How many to draw.
        generator: Source of randomness, on the CPU.
        mu: Mean in log-odds; see `scheduler_shift`.
        std: Standard deviation in log-odds.
        uniform: Fraction drawn uniformly instead, so that no level is ever unseen (the newer
            LTX trainers use 10 %).

    """
    normal = torch.sigmoid(mu + std * torch.randn(batch, generator=generator))
    flat = torch.rand(batch, generator=generator)
    is_flat = torch.rand(batch, generator=generator) < uniform
    return torch.where(is_flat, flat, normal).clamp(1e-4, 1.0)


def inference_sigmas(
    scheduler: FlowMatchEulerDiscreteScheduler, steps: int, tokens: int
) -> Float[Tensor, " steps_and_end"]:
    """Return the noise levels of a sampling run, from 1 to 0, as the LTX pipelines set them.

    Args:
        scheduler: The model's scheduler; it is not changed.
        steps: Number of Euler steps.
        tokens: Number of target tokens, which set the shift where shifting is dynamic.

    """
    own = FlowMatchEulerDiscreteScheduler.from_config(scheduler.config)
    levels = [1 - step / steps for step in range(steps)]
    own.set_timesteps(sigmas=levels, mu=token_shift(tokens, scheduler), device="cpu")
    return own.sigmas
