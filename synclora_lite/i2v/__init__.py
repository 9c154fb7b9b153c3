"""Image-to-video models of the LTX family: folders, loading, pixels to latents and back."""

from synclora_lite.i2v.latents import check_size, decode, encode
from synclora_lite.i2v.loading import load_part
from synclora_lite.i2v.model import I2VModel, create_model, load_model, save_model, save_part
from synclora_lite.i2v.precision import multiplies_bfloat16
from synclora_lite.i2v.presets import tiny_model, transformer_config
from synclora_lite.i2v.sampling import denoise

__all__ = [
    "I2VModel",
    "check_size",
    "create_model",
    "decode",
    "denoise",
    "encode",
    "load_model",
    "load_part",
    "multiplies_bfloat16",
    "save_model",
    "save_part",
    "tiny_model",
    "transformer_config",
]
