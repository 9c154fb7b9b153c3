"""The adapter: a LoRA on the transformer, the settings it was trained with, and its files."""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from diffusers import LTXVideoTransformer3DModel
from peft import LoraConfig

from synclora_lite import core
from synclora_lite.core import FEED_FORWARD, SELF_ATTENTION, Layout
from synclora_lite.errors import ModelError
from synclora_lite.files import read_json, write_json
from synclora_lite.models import formats
from synclora_lite.models.formats import METADATA, WEIGHTS, KeyFormat, Weights
from synclora_lite.settings import Settings, Size, build
from synclora_lite.tensors import write_tensors

SETTINGS = "adapter.json"
PEFT_WEIGHTS = "adapter_model.safetensors"  # what peft looks for, beside adapter_config.json


@dataclass(frozen=True)
class AdapterSettings(Settings):
    """What must be known to use an adapter as it was trained."""

    rank: Size = 32  # of the update; alpha equals it
    targets: tuple[str, ...] = SELF_ATTENTION + FEED_FORWARD  # endings of layer names
    layout: Layout = "reference-self"  # what the reference may look at
    base: str = "lite"  # the model it was trained on


def add_adapter(
    transformer: torch.nn.Module, settings: AdapterSettings, seed: int = 0
) -> list[torch.nn.Parameter]:
    """Put a fresh adapter into the transformer, freeze the rest, and return what is to be trained.

    Raises ModelError if no layer has one of the target names, or the transformer has an adapter.
    """
    _check_free(transformer)
    generator = torch.Generator().manual_seed(seed)
    parameters = core.inject(transformer, settings.targets, settings.rank, generator)
    if not parameters:
        what = f"no layer is named {', '.join(settings.targets[:3])}"
        raise ModelError(what, "endings of layer names such as to_q")
    return parameters


def save_adapter(
    transformer: LTXVideoTransformer3DModel,
    settings: AdapterSettings,
    folder: str | Path,
    *,
    key_format: KeyFormat = "diffusers",
    dtype: torch.dtype | None = None,
) -> Path:
    """Write `adapter.safetensors` and `adapter.json`.

    The format "diffusers" is what the stock pipelines load, "comfyui" what ComfyUI does; "peft"
    makes a folder for `PeftModel.from_pretrained`, with that library's file names.
    """
    folder = Path(folder)
    weights = formats.to_format(core.lora_state_dict(transformer), key_format)
    stored = {name: value.to(dtype or value.dtype) for name, value in weights.items()}
    write_tensors(folder / (PEFT_WEIGHTS if key_format == "peft" else WEIGHTS), stored, METADATA)
    if key_format == "peft":
        rank, targets = settings.rank, list(settings.targets)
        LoraConfig(r=rank, lora_alpha=rank, target_modules=targets).save_pretrained(folder)
    write_json(folder / SETTINGS, asdict(settings))
    return folder


def load_adapter(
    transformer: LTXVideoTransformer3DModel,
    source: str | Path,
    *,
    strength: float = 1.0,
    fuse: bool = False,
) -> AdapterSettings:
    """Put a saved adapter into the transformer, and return how to use it; see `read_adapter`.

    `strength` is a factor on the update, 0 the base model. Fused, it is added to the weights:
    faster, and can't be trained further. Raises ModelError if the transformer has an adapter.
    """
    _check_free(transformer)
    weights, settings = read_adapter(transformer, source)
    add_adapter(transformer, settings)
    core.load_lora_state_dict(transformer, weights)
    core.set_scale(transformer, strength)
    if fuse:
        core.merge(transformer)
    return settings


def read_adapter(
    transformer: LTXVideoTransformer3DModel, source: str | Path
) -> tuple[Weights, AdapterSettings]:
    """Read the factors of a saved adapter, all of one rank, and how to use it.

    The source is whatever `adapter_file` knows. For a bare file all but rank and targets are the
    usual settings of public in-context adapters: shared positions and full attention.

    Raises ModelError if files are missing or do not fit the transformer, which is not changed,
    ConfigError if the settings beside the weights are damaged.
    """
    file = formats.adapter_file(source)
    weights = formats.one_rank(formats.read_weights(file, transformer))
    if (smaller := formats.reference_downscale([file])) != 1:
        what = f"{file.name} knows a reference of 1/{smaller} the size"
        raise ModelError(what, "the target's own size")
    beside = file.with_name(SETTINGS)
    layers = sorted({name.rsplit(".lora_", 1)[0] for name in weights})
    rank = len(weights[f"{layers[0]}.lora_A.weight"])
    if Path(source).name == file.name or not beside.exists():  # a bare file: what it implies
        settings = AdapterSettings(rank, tuple(layers), layout="full", base="an LTX transformer")
    else:
        settings = build(AdapterSettings, read_json(beside), f"{beside}: ")
    wanted = core.target_layers(transformer, settings.targets)
    if rank != settings.rank or set(layers) != wanted.keys():
        raise ModelError(
            f"{file} holds {len(weights)} weights, {beside.name} beside it asks for "
            f"{2 * len(wanted)} of rank {settings.rank}",
            "one to fit the other",
            "restore both, or name the file itself",
        )
    return weights, settings


def _check_free(transformer: torch.nn.Module) -> None:
    if core.lora_state_dict(transformer):
        what = "a transformer that has an adapter already"
        raise ModelError(what, "one without", "load the model anew")
