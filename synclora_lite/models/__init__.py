"""Models of the LTX family: loading and saving, latents, the in-context adapter and its files."""

from synclora_lite.models.adapter import (
    AdapterSettings,
    adapter_weights,
    add_adapter,
    load_adapter,
    read_adapter,
    save_adapter,
)
from synclora_lite.models.formats import (
    Coverage,
    KeyFormat,
    adapter_file,
    coverage,
    from_any_format,
    read_weights,
    to_format,
)
from synclora_lite.models.latents import (
    check_size,
    decode,
    denoise,
    encode,
    to_frames,
    to_model_range,
)
from synclora_lite.models.loading import load_part
from synclora_lite.models.model import I2VModel, create_model, load_model, save_model, save_part
from synclora_lite.models.precision import multiplies_bfloat16
from synclora_lite.models.presets import tiny_model

__all__ = [
    "AdapterSettings",
    "Coverage",
    "I2VModel",
    "KeyFormat",
    "adapter_file",
    "adapter_weights",
    "add_adapter",
    "check_size",
    "coverage",
    "create_model",
    "decode",
    "denoise",
    "encode",
    "from_any_format",
    "load_adapter",
    "load_model",
    "load_part",
    "multiplies_bfloat16",
    "read_adapter",
    "read_weights",
    "save_adapter",
    "save_model",
    "save_part",
    "tiny_model",
    "to_format",
    "to_frames",
    "to_model_range",
]
