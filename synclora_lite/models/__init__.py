"""Models of the LTX family: loading and saving, latents, the in-context adapter and its files."""

from synclora_lite.models.adapter import (
    AdapterSettings,
    add_adapter,
    load_adapter,
    read_adapter,
    save_adapter,
)
from synclora_lite.models.formats import adapter_file, from_any_format, read_weights, to_format
from synclora_lite.models.latents import (
    check_size,
    decode,
    denoise,
    encode,
    encode_pair,
    to_frames,
    to_model_range,
)
from synclora_lite.models.model import I2VModel, load_model, load_part, save_model
from synclora_lite.models.precision import multiplies_bfloat16
