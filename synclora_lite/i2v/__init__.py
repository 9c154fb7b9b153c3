"""Image-to-video models of the LTX family: loading, latents, rectified flow and sampling."""

from synclora_lite.core.attention import Layout, ReferenceCache
from synclora_lite.core.positions import Positions, latent_frame_starts, token_coordinates
from synclora_lite.core.flow import (
    add_noise,
    inference_sigmas,
    sample_sigmas,
    scheduler_shift,
    shift_sigmas,
    token_shift,
    velocity_target,
)
from synclora_lite.i2v.latents import check_size, decode, encode, pack, unpack
from synclora_lite.i2v.loading import load_part
from synclora_lite.i2v.model import I2VModel, create_model, load_model, save_model, save_part
from synclora_lite.i2v.precision import multiplies_bfloat16
from synclora_lite.i2v.presets import tiny_model, transformer_config
from synclora_lite.core.sampling import denoise
from synclora_lite.core.block import predict_velocity, reference_cache

__all__ = [
    "I2VModel",
    "Layout",
    "Positions",
    "ReferenceCache",
    "add_noise",
    "check_size",
    "create_model",
    "decode",
    "denoise",
    "encode",
    "inference_sigmas",
    "latent_frame_starts",
    "load_model",
    "load_part",
    "multiplies_bfloat16",
    "pack",
    "predict_velocity",
    "reference_cache",
    "sample_sigmas",
    "save_model",
    "save_part",
    "scheduler_shift",
    "shift_sigmas",
    "tiny_model",
    "token_coordinates",
    "token_shift",
    "transformer_config",
    "unpack",
    "velocity_target",
]
