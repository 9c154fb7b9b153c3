"""Ready-made sizes of the stock classes."""

from typing import Any

from synclora_lite.core import Positions
from synclora_lite.models.model import I2VModel, create_model

TINY_VAE: dict[str, Any] = {
    "latent_channels": 8,
    "block_out_channels": (8, 16, 16),
    "decoder_block_out_channels": (8, 16, 16),
    "down_block_types": ("LTXVideoDownBlock3D",) * 3,
    "layers_per_block": (1, 1, 1, 1),
    "decoder_layers_per_block": (1, 1, 1, 1),
    "spatio_temporal_scaling": (True, True, False),
    "decoder_spatio_temporal_scaling": (True, True, False),
    "decoder_inject_noise": (False,) * 4,
    "downsample_type": ("conv",) * 3,
    "upsample_residual": (False,) * 3,
    "upsample_factor": (1, 1, 1),
    "patch_size": 4,
    "encoder_causal": True,
    "decoder_causal": False,
}

TINY_TRANSFORMER: dict[str, Any] = {
    "in_channels": 8,
    "out_channels": 8,
    "num_attention_heads": 2,
    "attention_head_dim": 16,
    "cross_attention_dim": 32,
    "num_layers": 2,
    "caption_channels": 8,
}


def tiny_model(
    seed: int = 0,
    positions: Positions = "causal",
    scheduler: dict[str, Any] | None = None,
) -> I2VModel:
    """Return a random model small enough for tests and examples: 16 px and 4 frames per latent."""
    return create_model(
        TINY_VAE, TINY_TRANSFORMER, scheduler, seed=seed, positions=positions, name="tiny"
    )
