"""Networks from folders that anyone may have written: safetensors only, sizes checked first."""

from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from diffusers import ModelMixin
from safetensors import SafetensorError

from synclora_lite.errors import ModelError
from synclora_lite.files import read_json
from synclora_lite.models.autoencoder import MotionAutoencoder
from synclora_lite.models.transformer import PreconditionedLTXTransformer

Part = TypeVar("Part", bound=ModelMixin)

OURS = {kind.__name__: kind for kind in (MotionAutoencoder, PreconditionedLTXTransformer)}

LARGEST, LAYERS, ENTRIES = 2**20, 1000, 100
# What diffusers and torch raise on folders that are broken in one way or another.
_BROKEN = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError),
    *(RuntimeError, ArithmeticError, NameError, SafetensorError),
)
_ADVICE = "restore the folder, or make it again"


def load_part(kind: type[Part], folder: str | Path, dtype: torch.dtype = torch.float32) -> Part:
    """Load one network of the given class, unless its configuration names one of OURS.

    Pickled weights are never read, and a configuration that asks for more than the largest models
    have is refused before anything is built. Raises ModelError if a file is missing or damaged, or
    the weights do not fit the configuration.
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder} holds no config.json", "a network in diffusers layout", _ADVICE)
    config = read_json(folder / "config.json")
    check_config(config, folder)
    built: Any = part_class(config, kind)
    try:
        loaded: Any = built.from_pretrained(
            folder,
            torch_dtype=dtype,  # the name that every diffusers knows
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except _BROKEN as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        what = f"{folder} cannot be loaded ({reason})"
        raise ModelError(what, "a whole network", _ADVICE) from error
    part, info = loaded
    if missing := [*info["missing_keys"], *info["mismatched_keys"]]:
        what = f"{folder} lacks {len(missing)} weights, such as {str(missing[0])[:100]}"
        raise ModelError(what, "weights that fit config.json", _ADVICE)
    return cast("Part", part)


def part_class(config: dict[str, Any], kind: type[Part]) -> type[Part]:
    """Return the class that a configuration is of: one of OURS, or else the given one."""
    found: Any = OURS.get(str(config.get("_class_name")), kind)
    return cast("type[Part]", found)


def check_config(config: Any, where: Path) -> None:
    """Raise ModelError for a configuration that is no table, or with numbers beyond all models'."""
    if not isinstance(config, dict):
        raise ModelError(f"the configuration in {where} is no table", "config.json", _ADVICE)
    for name, value in config.items():
        entries = value if isinstance(value, list) else [value]
        most = LAYERS if "layers" in name else LARGEST
        numbers = [n for n in entries if isinstance(n, int | float)]
        if len(entries) > ENTRIES or not all(abs(number) <= most for number in numbers):
            raise ModelError(
                f"{name} of {where} is {str(value)[:60]}", f"numbers up to {most}", _ADVICE
            )
