"""Random models of the LTX-Video family, small enough for checks, tests and benchmarks."""

from typing import Any

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXVideoTransformer3DModel,
)

from synclora_lite.models.model import SIZES, I2VModel

TINY_VAE, TINY_TRANSFORMER = SIZES["tiny"]["vae"], SIZES["tiny"]["transformer"]


def create_model(
    vae: dict[str, Any],
    transformer: dict[str, Any],
    scheduler: dict[str, Any] | None = None,
    *,
    seed: int = 0,
    **settings: Any,
) -> I2VModel:
    """Make a model with random weights from the configurations of its diffusers classes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        autoencoder = AutoencoderKLLTXVideo(**vae).eval()
        network = LTXVideoTransformer3DModel(**transformer).eval()
        caption = torch.randn(1, 1, network.config.caption_channels)
    schedule = FlowMatchEulerDiscreteScheduler(**(scheduler or {}))
    return I2VModel(autoencoder, network, schedule, caption, **settings)


def tiny_model(seed: int = 0, **settings: Any) -> I2VModel:
    """Return a random model of 16 px and 4 frames per latent; see `create_model`."""
    return create_model(TINY_VAE, TINY_TRANSFORMER, seed=seed, name="tiny", **settings)
