"""Sizes of models, from `sizes.toml`: of LTX-2.3, and of tiny ones for tests and examples."""

import tomllib
from pathlib import Path
from typing import Any

from synclora_lite.core import Positions
from synclora_lite.models.model import I2VModel, create_model

SIZES: dict[str, dict[str, dict[str, Any]]] = tomllib.loads(
    Path(__file__).with_name("sizes.toml").read_text("utf-8")
)
TINY_VAE, TINY_TRANSFORMER = SIZES["tiny"]["vae"], SIZES["tiny"]["transformer"]


def tiny_model(
    seed: int = 0, positions: Positions = "causal", scheduler: dict[str, Any] | None = None
) -> I2VModel:
    """Return a random model small enough for tests and examples: 16 px and 4 frames per latent."""
    return create_model(
        TINY_VAE, TINY_TRANSFORMER, scheduler, seed=seed, positions=positions, name="tiny"
    )
