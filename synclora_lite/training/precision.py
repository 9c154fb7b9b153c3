"""The number format of a run: what matrix products run in."""

import torch

from synclora_lite.models.precision import fast_dtype, multiplies_bfloat16
from synclora_lite.training.config import LoopConfig

NAMED = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def compute_dtype(config: LoopConfig) -> torch.dtype:
    """Return what matrix products run in; "auto" is what the device multiplies fastest.

    That is bfloat16, float16 on GPUs without it, float32 on processors without it.
    """
    if config.precision in NAMED:
        return NAMED[config.precision]
    on_cpu = config.device.startswith("cpu")
    return torch.bfloat16 if on_cpu and multiplies_bfloat16() else fast_dtype(config.device)


def base_dtype(wanted: str, config: LoopConfig) -> torch.dtype:
    """Return the format of frozen weights, and so of all activations: the run's, or one named."""
    return NAMED.get(wanted) or compute_dtype(config)
