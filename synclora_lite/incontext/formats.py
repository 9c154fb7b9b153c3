"""Names of adapter weights in the files of different tools.

All describe the same matrices; they differ in what stands before `transformer_blocks`, in the
word for the two factors, and in what a few layers outside the blocks are called: "comfyui" is the
layout of the original LTX code, in which LTX trainers save and the released Sync-LoRA is stored.
"""

import re
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from synclora_lite.errors import ModelError
from synclora_lite.i2v.folders import hub_folder
from synclora_lite.tensors import read_tensors

KeyFormat = Literal["diffusers", "peft", "comfyui"]
PREFIXES: dict[KeyFormat, str] = {
    "diffusers": "transformer.",
    "peft": "base_model.model.",
    "comfyui": "diffusion_model.",
}
WEIGHTS = "adapter.safetensors"
_FACTORS = {"lora_down": "lora_A", "lora_up": "lora_B"}
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


def to_format(weights: Weights, key_format: KeyFormat) -> Weights:
    """Name plain weights (`transformer_blocks.0.attn1.to_q.lora_A.weight`) for another tool."""
    prefix = PREFIXES[key_format]
    if key_format != "comfyui":
        return {prefix + name: value for name, value in weights.items()}
    back = {ours: theirs for theirs, ours in _ORIGINAL.items()}
    return {prefix + _renamed(name, back): value for name, value in weights.items()}


def from_any_format(weights: Weights) -> Weights:
    """Return the weights under plain names, whichever tool wrote them.

    A scale `alpha` stored beside the factors is multiplied into `lora_B`, so that what comes back
    always has alpha = rank.

    Raises:
        ModelError: A name is none of an adapter's, or a layer lacks one of its two matrices.

    """
    plain = {_plain(name): value for name, value in weights.items()}
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

    Raises:
        ModelError: There is none, or a folder holds several and none has the usual name.

    """
    source = Path(source)
    expected = "an adapter folder or safetensors file"
    if not source.exists() and str(source).count("/") == 1 and source.suffix != ".safetensors":
        source = hub_folder(source, f"{expected}, or a hub repository")
    if source.is_file():
        return source
    if (source / WEIGHTS).exists():
        return source / WEIGHTS
    found = sorted(source.glob("*.safetensors")) if source.is_dir() else []
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(file.name for file in found)
        raise ModelError(f"{source} holds {names}", "one file", "name the file itself")
    raise ModelError(f"{source / WEIGHTS if source.is_dir() else source} does not exist", expected)


def read_weights(source: str | Path) -> Weights:
    """Read an adapter's weights from any place in any layout, under plain names.

    Raises:
        ModelError: There is no such file, or it holds no adapter.
        ArtifactError: It is damaged.

    """
    file = adapter_file(source)
    weights = from_any_format(read_tensors(file))
    if not weights:
        raise ModelError(f"{file} is empty", "an adapter's weights")
    for name, value in weights.items():
        if not torch.isfinite(value).all():
            raise ModelError(f"{name} in {file.name} holds values that are no numbers", "numbers")
    return weights


def one_rank(weights: Weights) -> Weights:
    """Return the same update with every factor at the largest rank: the rest is zero."""
    rank = max(value.shape[0] for name, value in weights.items() if ".lora_A." in name)
    full = {}
    for name, value in weights.items():
        missing = rank - value.shape[0 if ".lora_A." in name else 1]
        full[name] = F.pad(value, (0, 0, 0, missing) if ".lora_A." in name else (0, missing))
    return full


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


def _plain(name: str) -> str:
    short = name
    for prefix in (*PREFIXES.values(), "model."):
        short = short.removeprefix(prefix)
    for old, new in _FACTORS.items():
        short = short.replace(old, new)
    short = re.sub(r"\.lora_([AB])\.default\.", r".lora_\1.", short)
    if not short.endswith((".lora_A.weight", ".lora_B.weight", ".alpha")):
        raise ModelError(
            f"{name} is not an adapter weight",
            "names such as transformer.transformer_blocks.0.attn1.to_q.lora_A.weight",
            "check that the file is a LoRA for an LTX transformer",
        )
    return _renamed(short, _ORIGINAL)


def _renamed(name: str, table: dict[str, str]) -> str:
    """Exchange the first part of a name: layers outside the blocks are called differently."""
    first, _, rest = name.partition(".")
    return f"{table.get(first, first)}.{rest}"
