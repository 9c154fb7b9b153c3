"""Names of adapter weights in the files of different tools.

They differ in what stands before `transformer_blocks`, in the word for the two factors, and in
what a few layers outside the blocks are called: "comfyui" is the layout of the original LTX code,
in which LTX trainers save and the released Sync-LoRA is stored.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from safetensors import safe_open
from torch import Tensor

from synclora_lite.artifacts import shipped
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
_PREFIX = re.compile(r"(transformer\.)?(base_model\.model\.)?(diffusion_model\.)?(model\.)?")
_UNDERSCORES = re.compile(r"lora_(?:unet|transformer)_([^.]*)")  # kohya: no dots in layers
_FACTOR = re.compile(r"\.(?:alpha|lora_(A|B|down|up)(?:\.default)?\.weight)$")
_BLOCK = re.compile(r"^transformer_blocks\.\d+\.")
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

    A scale `alpha` is multiplied into `lora_B`, so that what comes back always has alpha = rank.
    The names of the model's layers are needed for names with underscores in place of dots.

    Raises ModelError if a name is none of a LoRA's, a layer lacks one of its two matrices, or a
    factor in whole numbers its scale.
    """
    for name in weights:
        if other := next((kind for part, kind in _OTHERS.items() if part in name), None):
            raise ModelError(f"a {other} adapter ({name[:80]})", "a plain LoRA", "convert it first")
    dotted = {n.replace(".", "_"): layer for layer in layers
              for n in (layer, _renamed(layer, _ORIGINAL))}  # fmt: skip
    plain = {_plain(name, dotted): value for name, value in _in_floating_point(weights).items()}
    factors: Weights = {}
    for layer in dict.fromkeys(map(_layer, plain)):
        names = [f"{layer}.lora_{factor}.weight" for factor in "AB"]
        a, b, alpha = (plain.get(name) for name in (*names, f"{layer}.alpha"))
        if a is None and b is None:
            raise ModelError(f"a scale for {layer} without its factors", "lora_A and lora_B")
        if a is None or b is None or not (a.ndim == b.ndim == 2 and len(a) == b.shape[1] > 0):
            shapes = ["missing" if value is None else tuple(value.shape) for value in (a, b)]
            what = f"the factors of {layer} have the shapes {shapes[0]} and {shapes[1]}"
            advice = "check that the file is a whole LoRA of linear layers"
            raise ModelError(what, "(rank, inputs) and (outputs, rank)", advice)
        if alpha is not None and alpha.numel() != 1:
            raise ModelError(f"a scale for {layer} of {alpha.numel()} numbers", "one number")
        scale = 1.0 if alpha is None else alpha.item() / len(a)
        factors |= {names[0]: a, names[1]: b if scale == 1 else b * scale}
    return factors


def adapter_file(source: str | Path) -> Path:
    """Return the weights' file of an adapter: shipped, a file, a folder, or of a hub repository.

    A repository's file is owner/repository/file.safetensors. Raises ModelError if there is none,
    or a folder holds several and none has the usual name.
    """
    source, expected = Path(source), "an adapter folder or safetensors file"
    parts = source.parts
    place = shipped(source) if len(parts) == 1 and shipped(source).exists() else source
    if not place.exists():
        bare, inside = source.suffix == ".safetensors", Path(*parts[2:])
        if bare and (len(parts) != 3 or source.is_absolute() or Path(*parts[:2]).exists()):
            raise ModelError(f"{source} does not exist", expected)
        repository = Path(*parts[:2]) if bare else source
        known = "lite-adapter, a folder or file, or a hub repository"
        place = hub_folder(repository, known) / inside
    if place.is_file():
        return place
    usual, found = place / WEIGHTS, sorted(place.glob("*.safetensors"))
    if usual in found or len(found) == 1:
        return usual if usual in found else found[0]
    if found:
        names = ", ".join(file.name for file in found[:3]) + (", ..." if found[3:] else "")
        raise ModelError(f"{place} holds {names}", "one file", "name the file itself")
    raise ModelError(f"{usual} does not exist", expected)


def read_weights(file: Path, transformer: torch.nn.Module) -> Weights:
    """Read an adapter's weights for a transformer, from a file in any layout, by plain names.

    Raises ModelError if it holds no LoRA, or one for another model, ArtifactError if it is damaged.
    """
    layers = _linear(transformer)
    weights = from_any_format(read_tensors(file), layers)
    if not weights:
        raise ModelError(f"{file} is empty", "an adapter's weights")
    expected = ("an adapter for this model", "check which model it was trained on")
    if strangers := [name for name in weights if _layer(name) not in layers]:
        what = f"{len(strangers)} of {len(weights)} weights of {file.name} have no place"
        raise ModelError(f"{what} ({strangers[0]})", *expected)
    for name, value in weights.items():
        if not torch.isfinite(value).all():
            raise ModelError(f"{name} in {file.name} holds values that are no numbers", "numbers")
        layer, down = layers[_layer(name)], ".lora_A." in name
        has = value.shape[1] if down else len(value)
        needed = layer.in_features if down else layer.out_features
        if has != needed:
            what = f"{name} of {file.name} has {has} channels, the layer {needed}"
            raise ModelError(what, *expected)
    return weights


def coverage(changed: Collection[str], transformer: torch.nn.Module) -> Coverage:
    """Count the layers that are changed, and the usual ones and their like in all blocks."""
    kinds = {*SELF_ATTENTION, *FEED_FORWARD, *(_BLOCK.sub("", layer) for layer in changed)}
    usual = sum(_BLOCK.sub("", layer) in kinds for layer in _linear(transformer))
    return Coverage(len(changed), usual)


def reference_downscale(files: Sequence[Path]) -> int:
    """Return how much smaller than the target adapters know the reference, by their metadata.

    Raises ModelError if they disagree, the number is none, or the reference has fewer frames.
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
    plain: dict[str, Tensor] = dict(weights)
    for name, value in weights.items():
        if value.itemsize > 1 or value.dtype == torch.bool:
            continue
        places = [place.format(name, name.removesuffix(".weight")) for place in _SCALES]
        scale = next((plain.pop(place).float() for place in places if place in plain), None)
        if scale is None and not value.dtype.is_floating_point:
            what = f"{name} holds whole numbers without a scale"
            expected = f"the scale as {places[0]}, or floating point"
            raise ModelError(what, expected, "export the adapter in bfloat16")
        if scale is not None and scale.ndim == 1 < value.ndim:  # one for each row
            scale = scale[:, None]
        plain[name] = value.float() * (1 if scale is None else scale)
    return plain


def _plain(name: str, dotted: dict[str, str]) -> str:
    """Return the plain name; `dotted` has the layers by their names without dots."""
    short = _PREFIX.sub("", name, count=1)
    if flat := _UNDERSCORES.match(short):
        if flat[1] not in dotted:
            raise ModelError(f"no layer of this model is meant by {name[:80]}", "one that is")
        short = dotted[flat[1]] + short[flat.end() :]
    factor = _FACTOR.search(short)
    if factor is None:
        expected = "names such as transformer.transformer_blocks.0.attn1.to_q.lora_A.weight"
        advice = "check that the file is a LoRA for an LTX transformer"
        raise ModelError(f"{name[:80]} is not an adapter weight", expected, advice)
    kind = f"lora_{_LETTERS[factor[1]]}.weight" if factor[1] else "alpha"
    return f"{_renamed(short[: factor.start()], _STOCK)}.{kind}"


def _layer(name: str) -> str:
    return name.removesuffix(".alpha").rsplit(".lora_", 1)[0]


def _renamed(name: str, table: dict[str, str]) -> str:
    """Exchange the first part of a name: layers outside the blocks are called differently."""
    first, dot, rest = name.partition(".")
    return table.get(first, first) + dot + rest
