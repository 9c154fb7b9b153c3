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
USUAL = ("attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0", "ff.net.0.proj", "ff.net.2")
_FACTORS = {"lora_down": "lora_A", "lora_up": "lora_B"}
_KOHYA = ("lora_unet_", "lora_transformer_")  # before names with underscores for dots
_SCALES = ("{0}_scale", "{0}.scale", "{1}.weight_scale", "{1}.scale_weight", "{1}.scale")
_OTHERS = {
    "lokr_": "LoKr",
    "hada_": "LoHa",
    "dora_scale": "DoRA",
    "lora_magnitude_vector": "DoRA",
    ".diff": "full differences",
}
# Layers whose names differ between the original code and diffusers (as in diffusers' converters).
_ORIGINAL = {
    "patchify_proj": "proj_in",
    "audio_patchify_proj": "audio_proj_in",
    "adaln_single": "time_embed",
    "audio_adaln_single": "audio_time_embed",
    "prompt_adaln_single": "prompt_adaln",
    "audio_prompt_adaln_single": "audio_prompt_adaln",
    "av_ca_video_scale_shift_adaln_single": "av_cross_attn_video_scale_shift",
    "av_ca_audio_scale_shift_adaln_single": "av_cross_attn_audio_scale_shift",
    "av_ca_a2v_gate_adaln_single": "av_cross_attn_video_a2v_gate",
    "av_ca_v2a_gate_adaln_single": "av_cross_attn_audio_v2a_gate",
}

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
    prefix = PREFIXES[key_format]
    if key_format != "comfyui":
        return {prefix + name: value for name, value in weights.items()}
    back = {ours: theirs for theirs, ours in _ORIGINAL.items()}
    return {prefix + _renamed(name, back): value for name, value in weights.items()}


def from_any_format(weights: Stored, layers: Iterable[str] = ()) -> Weights:
    """Return the weights under plain names, whichever tool wrote them, in floating point.

    A scale `alpha` stored beside the factors is multiplied into `lora_B`, so that what comes back
    always has alpha = rank. The same goes for the scales of factors in 8 bits.

    Args:
        weights: As read from a file.
        layers: Names of the model's layers; needed for names with underscores in place of dots.

    Raises:
        ModelError: A name is none of a LoRA's, a layer lacks one of its two matrices, or a factor
            in whole numbers its scale.

    """
    for name in weights:
        if other := next((kind for part, kind in _OTHERS.items() if part in name), None):
            raise ModelError(f"a {other} adapter ({name[:80]})", "a plain LoRA", "convert it first")
    back = {ours: theirs for theirs, ours in _ORIGINAL.items()}
    flat = {n.replace(".", "_"): layer for layer in layers for n in (layer, _renamed(layer, back))}
    plain = {_plain(name, flat): value for name, value in _in_floating_point(weights).items()}
    alphas = {n.removesuffix(".alpha"): v for n, v in plain.items() if n.endswith(".alpha")}
    factors = {n: v for n, v in plain.items() if not n.endswith(".alpha")}
    _check_pairs(factors)
    for module, alpha in alphas.items():
        name = f"{module}.lora_B.weight"
        if name not in factors:
            raise ModelError(f"a scale for {module} without its factors", "lora_A and lora_B")
        if alpha.numel() != 1:
            raise ModelError(f"a scale for {module} of {alpha.numel()} numbers", "one number")
        factors[name] = factors[name] * (alpha.item() / factors[name].shape[1])
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
        transformer: The model it is for; what does not fit it is refused.

    Raises:
        ModelError: There is no such file, it holds no LoRA, or one for another model.
        ArtifactError: It is damaged.

    """
    file = adapter_file(source)
    layers = {} if transformer is None else _linear(transformer)
    weights = from_any_format(read_tensors(file), layers)
    if not weights:
        raise ModelError(f"{file} is empty", "an adapter's weights")
    for name, value in weights.items():
        if not torch.isfinite(value).all():
            raise ModelError(f"{name} in {file.name} holds values that are no numbers", "numbers")
    if transformer is not None:
        _check_fit(file, weights, layers)
    return weights


def coverage(weights: Weights, transformer: torch.nn.Module) -> Coverage:
    """Count the layers that weights change, and the usual ones and their like in all blocks."""
    changed = {name.rsplit(".lora_", 1)[0] for name in weights}
    kinds = {*USUAL, *map(_kind, changed)}
    return Coverage(len(changed), sum(_kind(name) in kinds for name in _linear(transformer)))


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
    full = {}
    for name, value in weights.items():
        missing = rank - value.shape[0 if ".lora_A." in name else 1]
        full[name] = F.pad(value, (0, 0, 0, missing) if ".lora_A." in name else (0, missing))
    return full


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


def _kind(layer: str) -> str:
    """Return a layer's name within its block."""
    return re.sub(r"^transformer_blocks\.\d+\.", "", layer)


def _check_fit(file: Path, weights: Weights, layers: dict[str, torch.nn.Linear]) -> None:
    """Raise ModelError, with one example, unless every weight has a layer of its size."""
    expected, advice = "an adapter for this model", "check which model it was trained on"
    strangers = [name for name in weights if name.rsplit(".lora_", 1)[0] not in layers]
    if strangers:
        what = f"{len(strangers)} of {len(weights)} weights of {file.name} have no place"
        raise ModelError(f"{what} ({strangers[0]})", expected, advice)
    for name, value in weights.items():
        layer = layers[name.rsplit(".lora_", 1)[0]]
        side, needed = (-1, layer.in_features) if ".lora_A." in name else (0, layer.out_features)
        if value.shape[side] != needed:
            what = f"{name} of {file.name} has {value.shape[side]} channels, the layer {needed}"
            raise ModelError(what, expected, advice)


def _in_floating_point(weights: Stored) -> Weights:
    """Return weights stored in 8 bits as what they stand for, without their scales."""
    plain, used = {}, set()
    for name, value in weights.items():
        if value.itemsize > 1 or value.dtype == torch.bool:
            plain[name] = value
            continue
        places = [place.format(name, name.removesuffix(".weight")) for place in _SCALES]
        scale = next((place for place in places if place in weights), None)
        if scale is None and not value.dtype.is_floating_point:
            raise ModelError(
                f"{name} holds whole numbers without a scale",
                f"the scale as {places[0]}, or floating point",
                "export the adapter in bfloat16",
            )
        plain[name] = value.float()
        if scale is not None:
            used.add(scale)
            factor = weights[scale].float()
            plain[name] = plain[name] * (
                factor[:, None] if factor.ndim == 1 < value.ndim else factor
            )
    return {name: value for name, value in plain.items() if name not in used}


def _check_pairs(factors: Weights) -> None:
    """Raise ModelError unless every layer has two matrices of one rank."""
    for module in dict.fromkeys(name.rsplit(".lora_", 1)[0] for name in factors):
        names = [f"{module}.lora_{factor}.weight" for factor in "AB"]
        shapes = [tuple(factors[n].shape) if n in factors else "missing" for n in names]
        match shapes:
            case [(rank, _), (_, same)] if rank == same > 0:
                continue
        raise ModelError(
            f"the factors of {module} have the shapes {shapes[0]} and {shapes[1]}",
            "(rank, inputs) and (outputs, rank)",
            "check that the file is a whole LoRA of linear layers",
        )


def _plain(name: str, flat: dict[str, str]) -> str:
    """Return the plain name; `flat` has the layers by their names without dots."""
    short = name
    for prefix in (*PREFIXES.values(), "model."):
        short = short.removeprefix(prefix)
    for prefix in _KOHYA:
        if short.startswith(prefix):
            layer, _, rest = short.removeprefix(prefix).partition(".")
            if layer not in flat:
                raise ModelError(f"no layer of this model is meant by {name[:80]}", "one that is")
            short = f"{flat[layer]}.{rest}"
    for old, new in _FACTORS.items():
        short = short.replace(old, new)
    short = re.sub(r"\.lora_([AB])\.default\.", r".lora_\1.", short)
    if not short.endswith((".lora_A.weight", ".lora_B.weight", ".alpha")):
        raise ModelError(
            f"{name[:80]} is not an adapter weight",
            "names such as transformer.transformer_blocks.0.attn1.to_q.lora_A.weight",
            "check that the file is a LoRA for an LTX transformer",
        )
    return _renamed(short, _ORIGINAL)


def _renamed(name: str, table: dict[str, str]) -> str:
    """Exchange the first part of a name: layers outside the blocks are called differently."""
    first, dot, rest = name.partition(".")
    return table.get(first, first) + dot + rest
