"""Which devices there are, the number format each computes in fast, and the one to load in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from synclora_lite.errors import ConfigError

NAMED = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
LARGE = 1e9  # bytes of weights from which half precision matters


def check_device(name: str) -> None:
    """Raise ConfigError unless this machine has the device, as "cuda" or "cuda:0" names it."""
    kind, _, number = name.partition(":")
    apple = int(torch.backends.mps.is_available())
    found = {"cuda": torch.cuda.device_count(), "mps": apple, "cpu": 1}
    if not (number.isdecimal() or ":" not in name) or int(number or 0) >= found.get(kind, 0):
        here = ", ".join(kind for kind, count in found.items() if count)
        raise ConfigError(f"the device {name!r}", f"one that this machine has: {here}")


def fast_dtype(device: str | torch.device) -> torch.dtype:
    """Return bfloat16 where the device has it, float16 on older GPUs, float32 on a CPU."""
    kind = torch.device(device).type
    if kind == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float16
    return torch.float16 if kind == "mps" else torch.float32


def multiplies_bfloat16() -> bool:
    """Return whether this processor has units for bfloat16; without them float32 is faster."""
    known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(known.get(unit, False) for unit in ("amx_bf16", "avx512_bf16", "bf16"))


def compute_dtype(name: str, device: str) -> torch.dtype:
    """Return the format of a name or, for "auto", what the device multiplies fastest."""
    if name in NAMED:
        return NAMED[name]
    on_cpu = torch.device(device).type == "cpu"
    return torch.bfloat16 if on_cpu and multiplies_bfloat16() else fast_dtype(device)


def natural_dtype(folder: Path, device: str | torch.device) -> torch.dtype:
    """Return the format to load a model folder in: float32 unless it is large and on a GPU."""
    return fast_dtype(device) if weight_bytes(folder / "transformer") > LARGE else torch.float32


def weight_bytes(folder: Path) -> float:
    """Return the size of the safetensors files of one part of a model."""
    return float(sum(file.stat().st_size for file in folder.glob("*.safetensors")))


@contextmanager
def awake(part: torch.nn.Module, device: torch.device) -> Iterator[None]:
    """Have a network on a device while it works, and then back where it waited."""
    home = next(part.parameters()).device
    part.to(device)
    try:
        yield
    finally:
        part.to(home)
