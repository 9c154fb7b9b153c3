"""Names of adapter weights in the files of different tools.

All describe the same matrices; they differ in what stands before `transformer_blocks`, in the
word for the two factors, and in what a few layers outside the blocks are called: "comfyui" is the
layout of the original LTX code, in which LTX trainers save and the released Sync-LoRA is stored.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from safetensors import safe_open
from torch import Tensor

from synclora_lite.core import FEED_FORWARD, SELF_ATTENTION
from synclora_lite.errors import ModelError
from synclora_lite.models.folders import hub_folder
from synclora_lite.tensors import read_tensors

KeyFormat = Literal["diffusers", "peft", "comfyui"]
PREFIXES: dict[KeyFormat, str] = {
    "diffusers": "transformer.",
    "peft": "base_model.model.",
    "comfyui": "diffusion_model.",
}
WEIGHTS = "adapter.safetensors"
DOWNSCALE, TEMPORAL = "reference_downscale_factor", "reference_temporal_scale_factor"
METADATA = {"format": "pt", DOWNSCALE: "1", TEMPORAL: "1"}  # what is written with every adapter
USUAL = (*SELF_ATTENTION, *FEED_FORWARD)
_PREFIX = re.compile(r"(transformer\.)?(base_model\.model\.)?(diffusion_model\.)?(model\.)?")
_UNDERSCORES = re.compile(r"lora_(?:unet|transformer)_([^.]*)")  # kohya: no dots in layers
_FACTOR = re.compile(r"\.(?:alpha|lora_(A|B|down|up)(?:\.default)?\.weight)$")
_LETTERS = {"A": "A", "down": "A", "B": "B", "up": "B"}
_SCALES = ("{0}_scale", "{0}.scale", "{1}.weight_scale", "{1}.scale_weight", "{1}.scale")
_OTHERS = {
    "lokr_": "LoKr",
    "hada_": "LoHa",
    "dora_scale": "DoRA",
    "lora_magnitude_vector": "DoRA",
    ".diff": "full differences",
}
# Layers whose names differ between diffusers and the original code (as in diffusers' converters).
_ORIGINAL = {
    "proj_in": "patchify_proj",
    "audio_proj_in": "audio_patchify_proj",
    "time_embed": "adaln_single",
    "audio_time_embed": "audio_adaln_single",
    "prompt_adaln": "prompt_adaln_single",
    "audio_prompt_adaln": "audio_prompt_adaln_single",
    "av_cross_attn_video_scale_shift": "av_ca_video_scale_shift_adaln_single",
    "av_cross_attn_audio_scale_shift": "av_ca_audio_scale_shift_adaln_single",
    "av_cross_attn_video_a2v_gate": "av_ca_a2v_gate_adaln_single",
    "av_cross_attn_audio_v2a_gate": "av_ca_v2a_gate_adaln_single",
}
_STOCK = {original: name for name, original in _ORIGINAL.items()}

Weights = dict[str, Float[Tensor, "..."]]
Stored = dict[str, Shaped[Tensor, "..."]]  # as files hold them: in 8 bits, too


@dataclass(frozen=True)
class Coverage:
    """How many layers an adapter changes, of those that such adapters usually change."""

    layers: int
    usual: int

    def __str__(self) -> str:
        return f"{self.layers} of {self.usual} layers"


def to_format(weights: Weights, key_format: KeyFormat) -> Weights:
    """Name plain weights (`transformer_blocks.0.attn1.to_q.lora_A.weight`) for another tool."""
    prefix, names = PREFIXES[key_format], _ORIGINAL if key_format == "comfyui" else {}
    return {prefix + _renamed(name, names): value for name, value in weights.items()}


def from_any_format(weights: Stored, layers: Iterable[str] = ()) -> Weights:
    """Return the weights under plain names, whichever tool wrote them, in floating point.

    A scale `alpha` stored beside the factors is multiplied into `lora_B`, so that what comes back
    always has alpha = rank. The same goes for the scales of factors in 8 bits.

    The names of the model's layers are needed for names with underscores in place of dots.

    Raises:
        ModelError: A name is none of a LoRA's, a layer lacks one of its two matrices, or a factor
            in whole numbers its scale.

    """
    for name in weights:
        if other := next((kind for part, kind in _OTHERS.items() if part in name), None):
            raise ModelError(f"a {other} adapter ({name[:80]})", "a plain LoRA", "convert it first")
    dotted = {n.replace(".", "_"): layer for layer in layers
              for n in (layer, _renamed(layer, _ORIGINAL))}  # fmt: skip
    plain = {_plain(name, dotted): value for name, value in _in_floating_point(weights).items()}
    factors = {n: v for n, v in plain.items() if not n.endswith(".alpha")}
    for module in dict.fromkeys(_layer(name) for name in factors):
        pair = [factors.get(f"{module}.lora_{factor}.weight") for factor in "AB"]
        shapes = ["missing" if value is None else tuple(value.shape) for value in pair]
        match shapes:
            case [(rank, _), (_, same)] if rank == same > 0:
                continue
        raise ModelError(
            f"the factors of {module} have the shapes {shapes[0]} and {shapes[1]}",
            "(rank, inputs) and (outputs, rank)",
            "check that the file is a whole LoRA of linear layers",
        )
    for name in plain.keys() - factors.keys():
        module, alpha = name.removesuffix(".alpha"), plain[name]
        b = f"{module}.lora_B.weight"
        if b not in factors:
            raise ModelError(f"a scale for {module} without its factors", "lora_A and lora_B")
        if alpha.numel() != 1:
            raise ModelError(f"a scale for {module} of {alpha.numel()} numbers", "one number")
        factors[b] = factors[b] * (alpha.item() / factors[b].shape[1])
    return factors


def adapter_file(source: str | Path) -> Path:
    """Return the weights' file of an adapter: a file, a folder, or a downloaded hub repository.

    A file of a repository that holds several is named owner/repository/file.safetensors.

    Raises:
        ModelError: There is none, or a folder holds several and none has the usual name.

    """
    source, expected = Path(source), "an adapter folder or safetensors file"
    repository, inside = Path(*source.parts[:2]), Path(*source.parts[2:])
    named = len(source.parts) == (3 if source.suffix == ".safetensors" else 2)
    if named and not repository.exists() and not source.is_absolute():
        source = hub_folder(repository, f"{expected}, or a hub repository") / inside
    if source.is_file():
        return source
    if (source / WEIGHTS).exists():
        return source / WEIGHTS
    found = sorted(source.glob("*.safetensors")) if source.is_dir() else []
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(file.name for file in found[:3]) + (", ..." if found[3:] else "")
        raise ModelError(f"{source} holds {names}", "one file", "name the file itself")
    raise ModelError(f"{source / WEIGHTS if source.is_dir() else source} does not exist", expected)


def read_weights(source: str | Path, transformer: torch.nn.Module | None = None) -> Weights:
    """Read an adapter's weights from any place in any layout, under plain names.

    Args:
        source: See `adapter_file`.
        transformer: What does not fit it is refused.

    Raises:
        ModelError: There is no such file, it holds no LoRA, or one for another model.
        ArtifactError: It is damaged.

    """
    file = adapter_file(source)
    layers = {} if transformer is None else _linear(transformer)
    weights = from_any_format(read_tensors(file), layers)
    if not weights:
        raise ModelError(f"{file} is empty", "an adapter's weights")
    expected = ("an adapter for this model", "check which model it was trained on")
    strangers = [n for n in weights if transformer is not None and _layer(n) not in layers]
    if strangers:
        what = f"{len(strangers)} of {len(weights)} weights of {file.name} have no place"
        raise ModelError(f"{what} ({strangers[0]})", *expected)
    for name, value in weights.items():
        if not torch.isfinite(value).all():
            raise ModelError(f"{name} in {file.name} holds values that are no numbers", "numbers")
        if layer := layers.get(_layer(name)):
            down = ".lora_A." in name
            side, needed = (-1, layer.in_features) if down else (0, layer.out_features)
            if value.shape[side] != needed:
                what = f"{name} of {file.name} has {value.shape[side]} channels"
                raise ModelError(f"{what}, the layer {needed}", *expected)
    return weights


def coverage(weights: Weights, transformer: torch.nn.Module) -> Coverage:
    """Count the layers that weights change, and the usual ones and their like in all blocks."""

    def kind(layer: str) -> str:
        return re.sub(r"^transformer_blocks\.\d+\.", "", layer)

    changed = {_layer(name) for name in weights}
    kinds = {*USUAL, *map(kind, changed)}
    return Coverage(len(changed), sum(kind(name) in kinds for name in _linear(transformer)))


def reference_downscale(files: Sequence[Path]) -> int:
    """Return how much smaller than the target adapters know the reference, by their metadata.

    Raises:
        ModelError: They disagree, the number is none, or the reference has fewer frames.

    """
    factors = {_metadata(file, DOWNSCALE) for file in files} - {1}
    if len(factors) > 1:
        raise ModelError(f"adapters with {DOWNSCALE} {sorted(factors)}", "one for all of them")
    if any(_metadata(file, TEMPORAL) != 1 for file in files):
        raise ModelError(f"an adapter with {TEMPORAL} above 1", "1: a reference of every frame")
    return factors.pop() if factors else 1


def one_rank(weights: Weights) -> Weights:
    """Return the same update with every factor at the largest rank: the rest is zero."""
    rank = max(value.shape[0] for name, value in weights.items() if ".lora_A." in name)
    return {
        name: F.pad(value, (0, 0, 0, rank - len(value)))
        if ".lora_A." in name
        else F.pad(value, (0, rank - value.shape[1]))
        for name, value in weights.items()
    }


def _metadata(file: Path, name: str) -> int:
    with safe_open(file, framework="pt") as stored:
        text = (stored.metadata() or {}).get(name, "1")
    if not (text.isdecimal() and 1 <= int(text) <= 32):
        raise ModelError(f"{name} = {text[:20]!r} in {file.name}", "a whole number from 1 to 32")
    return int(text)


def _linear(transformer: torch.nn.Module) -> dict[str, torch.nn.Linear]:
    """Return the linear layers by name, as they are called without adapters."""
    return {
        name.removesuffix(".base_layer"): layer
        for name, layer in transformer.named_modules()
        if isinstance(layer, torch.nn.Linear) and ".lora_" not in name
    }


def _in_floating_point(weights: Stored) -> Weights:
    """Return weights stored in 8 bits as what they stand for, without their scales."""
    plain, used = {}, set()
    for name, value in weights.items():
        plain[name] = value
        if value.itemsize > 1 or value.dtype == torch.bool:
            continue
        places = [place.format(name, name.removesuffix(".weight")) for place in _SCALES]
        scale = next((place for place in places if place in weights), None)
        if scale is not None:
            used.add(scale)
            factor = weights[scale].float()
            by_row = factor.ndim == 1 < value.ndim
            plain[name] = value.float() * (factor[:, None] if by_row else factor)
        elif value.dtype.is_floating_point:
            plain[name] = value.float()
        else:
            raise ModelError(
                f"{name} holds whole numbers without a scale",
                f"the scale as {places[0]}, or floating point",
                "export the adapter in bfloat16",
            )
    return {name: value for name, value in plain.items() if name not in used}


def _plain(name: str, dotted: dict[str, str]) -> str:
    """Return the plain name; `dotted` has the layers by their names without dots."""
    short = _PREFIX.sub("", name, count=1)
    if flat := _UNDERSCORES.match(short):
        if flat[1] not in dotted:
            raise ModelError(f"no layer of this model is meant by {name[:80]}", "one that is")
        short = dotted[flat[1]] + short[flat.end() :]
    factor = _FACTOR.search(short)
    if factor is None:
        raise ModelError(
            f"{name[:80]} is not an adapter weight",
            "names such as transformer.transformer_blocks.0.attn1.to_q.lora_A.weight",
            "check that the file is a LoRA for an LTX transformer",
        )
    kind = f"lora_{_LETTERS[factor[1]]}.weight" if factor[1] else "alpha"
    return f"{_renamed(short[: factor.start()], _STOCK)}.{kind}"


def _layer(name: str) -> str:
    return name.rsplit(".lora_", 1)[0]


def _renamed(name: str, table: dict[str, str]) -> str:
    """Exchange the first part of a name: layers outside the blocks are called differently."""
    first, dot, rest = name.partition(".")
    return table.get(first, first) + dot + rest
