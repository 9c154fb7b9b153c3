"""The adapter: a peft LoRA on the transformer, and its files."""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from diffusers import LTXVideoTransformer3DModel
from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import save_file

from synclora_lite.errors import ModelError
from synclora_lite.files import atomic_path, read_json, write_json
from synclora_lite.i2v import Layout
from synclora_lite.incontext.formats import (
    METADATA,
    WEIGHTS,
    KeyFormat,
    Weights,
    adapter_file,
    one_rank,
    read_weights,
    reference_downscale,
    to_format,
)
from synclora_lite.settings import build

SETTINGS, NAME = "adapter.json", "default"
_RANGES = {"rank": (1, 65_536), "reference_offset": (-65_536, 65_536)}
PEFT_WEIGHTS = "adapter_model.safetensors"  # what peft looks for, beside adapter_config.json

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
FEED_FORWARD = ("ff.net.0.proj", "ff.net.2")
SELF_ATTENTION = tuple(f"attn1.{name}" for name in ATTENTION)


@dataclass(frozen=True)
class AdapterSettings:
    """What must be known to use an adapter as it was trained.

    Attributes:
        rank: Rank of the update; alpha equals it.
        targets: Endings of the names of the layers that are adapted. The default leaves out the
            cross-attention, in which a constant caption of one token has nothing to choose.
        layout: What the reference may look at.
        reference_offset: Latent columns between target and reference; 0 shares the positions.
        base: Name of the model it was trained on.

    """

    rank: int = 32
    targets: tuple[str, ...] = SELF_ATTENTION + FEED_FORWARD
    layout: Layout = "reference-self"
    reference_offset: int = 0
    base: str = "lite"


def add_adapter(
    transformer: LTXVideoTransformer3DModel, settings: AdapterSettings, seed: int = 0
) -> list[torch.nn.Parameter]:
    """Put a fresh adapter into the transformer, freeze the rest, and return what is to be trained.

    A fresh adapter changes nothing: its second factor starts at zero.

    Raises:
        ModelError: The rank is below 1, no layer has one of the target names, or the transformer
            has an adapter.

    """
    if NAME in getattr(transformer, "peft_config", {}):
        raise ModelError(
            "a transformer that has an adapter already", "one without", "load the model anew"
        )
    if settings.rank < 1:
        raise ModelError(f"an adapter of rank {settings.rank}", "a rank of at least 1")
    transformer.requires_grad_(requires_grad=False)
    config = _peft_config(settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            transformer.add_adapter(config, adapter_name=NAME)
        except ValueError as error:
            raise ModelError(
                f"no layer is named {', '.join(settings.targets[:3])}",
                "endings of layer names such as to_q",
            ) from error
    return [p for p in transformer.parameters() if p.requires_grad]


def adapter_weights(transformer: LTXVideoTransformer3DModel) -> Weights:
    """Return the adapter's weights under plain names, as copies on the CPU."""
    weights = get_peft_model_state_dict(transformer, adapter_name=NAME)
    return {name: value.detach().cpu().clone() for name, value in weights.items()}


def save_adapter(
    transformer: LTXVideoTransformer3DModel,
    settings: AdapterSettings,
    folder: str | Path,
    *,
    key_format: KeyFormat = "diffusers",
    dtype: torch.dtype | None = None,
) -> Path:
    """Write `adapter.safetensors` and `adapter.json`.

    Args:
        transformer: Holds the adapter.
        settings: How it is to be used.
        folder: Made if need be.
        key_format: "diffusers" is what the stock pipelines load, "comfyui" what ComfyUI does;
            "peft" makes a folder for `PeftModel.from_pretrained`, with that library's file names.
        dtype: Convert the weights to this.

    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = to_format(adapter_weights(transformer), key_format)
    stored = {name: value.to(dtype or value.dtype).contiguous() for name, value in weights.items()}
    with atomic_path(folder / (PEFT_WEIGHTS if key_format == "peft" else WEIGHTS)) as path:
        save_file(stored, path, metadata=METADATA)
    if key_format == "peft":
        _peft_config(settings).save_pretrained(folder)
    write_json(folder / SETTINGS, asdict(settings))
    return folder


def load_adapter(
    transformer: LTXVideoTransformer3DModel,
    source: str | Path,
    *,
    strength: float = 1.0,
    fuse: bool = False,
) -> AdapterSettings:
    """Put a saved adapter into the transformer.

    Args:
        transformer: Changed in place.
        source: A folder that `save_adapter` wrote, a safetensors file in any key format, or the
            name of a downloaded hub repository.
        strength: Factor on the update; 0 is the base model.
        fuse: Add the update to the weights: faster, and can't be trained further.

    Returns:
        How to use it. For a bare file all but rank and targets are the usual ones of public
        in-context adapters: shared positions and full attention.

    Raises:
        ModelError: Files are missing or do not fit the transformer.
        ConfigError: The settings beside the weights are damaged.

    """
    file = adapter_file(source)
    weights = one_rank(read_weights(file, transformer))
    if (smaller := reference_downscale([file])) != 1:
        raise ModelError(
            f"{file.name} knows a reference of 1/{smaller} the size", "the target's own size"
        )
    beside = file.with_name(SETTINGS)
    bare = Path(source).is_file() or not beside.exists()
    settings = _settings(None if bare else beside, weights)
    add_adapter(transformer, settings)
    wanted = adapter_weights(transformer)
    if {n: w.shape for n, w in weights.items()} != {n: w.shape for n, w in wanted.items()}:
        raise ModelError(
            f"{file} holds {len(weights)} weights, {beside.name} beside it asks for {len(wanted)} "
            f"of rank {settings.rank}",
            "one to fit the other",
            "restore both, or name the file itself",
        )
    set_peft_model_state_dict(transformer, weights, adapter_name=NAME)
    transformer.set_adapters(NAME, strength)
    if fuse:
        transformer.fuse_lora()
        transformer.unload_lora()
    return settings


def _settings(file: Path | None, weights: Weights) -> AdapterSettings:
    """Return the settings stored beside the weights, or those that the weights imply."""
    if file is not None:
        return build(AdapterSettings, read_json(file), f"{file}: ", _RANGES)
    modules = {name.rsplit(".lora_", 1)[0] for name in weights}
    rank = next(v.shape[0] for n, v in weights.items() if n.endswith("lora_A.weight"))
    return AdapterSettings(rank, tuple(sorted(modules)), layout="full", base="an LTX transformer")


def _peft_config(settings: AdapterSettings) -> LoraConfig:
    return LoraConfig(
        r=settings.rank, lora_alpha=settings.rank, target_modules=list(settings.targets)
    )
