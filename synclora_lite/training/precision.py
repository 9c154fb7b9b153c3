"""The number formats of a run: what matrix products run in, and what keeps float16 alive."""

import contextlib

import torch
from torch import Tensor

from synclora_lite.i2v.precision import fast_dtype, multiplies_bfloat16
from synclora_lite.training.checkpoint import Named
from synclora_lite.training.config import LoopConfig

NAMED = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
FIRST, LONG = 2.0**12, 200  # the first scale, and the steps after which it is doubled
_KEY = "loss_scale"


def compute_dtype(config: LoopConfig) -> torch.dtype:
    """Return what matrix products run in; "auto" is what the device multiplies fastest.

    That is bfloat16, float16 on GPUs without it, float32 on processors without it.
    """
    if config.precision in NAMED:
        return NAMED[config.precision]
    on_cpu = config.device.startswith("cpu")
    return torch.bfloat16 if on_cpu and multiplies_bfloat16() else fast_dtype(config.device)


def base_dtype(wanted: str, config: LoopConfig, natural: torch.dtype) -> torch.dtype:
    """Return the format of the frozen weights: `natural` for the folder, unless one is named.

    Raises:
        KeyError: The name is none of the formats.

    """
    if wanted != "auto":
        return NAMED[wanted]
    return compute_dtype(config) if natural != torch.float32 else torch.float32


def autocast(config: LoopConfig) -> contextlib.AbstractContextManager[object]:
    """Run matrix products in the fast format, sums and the adapter's weights in float32."""
    dtype = compute_dtype(config)
    if dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(config.device.split(":")[0], dtype)


class LossScale:
    """Keeps float16 gradients from vanishing: the loss is multiplied, the gradient divided.

    A gradient that overflows costs its step and halves the factor; after `LONG` good steps it is
    doubled. For other formats the factor stays 1 and nothing is ever skipped.
    """

    def __init__(self, config: LoopConfig) -> None:
        self.active = compute_dtype(config) == torch.float16
        self.factor = FIRST if self.active else 1.0
        self.good = 0

    def overflowed(self, norm: float) -> bool:
        """Take note of a gradient's norm; return whether its step must be left out."""
        if not self.active:
            return False
        finite = norm < float("inf")  # false for what is no number, too
        self.good = self.good + 1 if finite else 0
        if not finite:
            self.factor /= 2
        elif self.good == LONG:
            self.factor, self.good = self.factor * 2, 0
        return not finite and self.factor >= 1

    def state(self) -> Named:
        """Return what a checkpoint must hold."""
        if not self.active:
            return {}
        return {
            f"{_KEY}.factor": torch.tensor(self.factor),
            f"{_KEY}.good": torch.tensor(self.good),
        }

    def restore(self, state: Named) -> Named:
        """Undo `state`, and return what else a checkpoint holds."""
        if self.active and f"{_KEY}.factor" in state:
            self.factor = state[f"{_KEY}.factor"].item()
            self.good = int(state[f"{_KEY}.good"])
        return {name: value for name, value in state.items() if not name.startswith(f"{_KEY}.")}


def divide(gradients: list[Tensor], factor: float) -> None:
    """Divide gradients in place."""
    if factor != 1:
        torch._foreach_div_(gradients, factor)
