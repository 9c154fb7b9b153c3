"""Names of adapter weights in the files of different tools.

All describe the same matrices; they differ in what stands before `transformer_blocks` and in the
word for the two factors.
"""

from typing import Literal

from jaxtyping import Float
from torch import Tensor

from synclora_lite.errors import ModelError

KeyFormat = Literal["diffusers", "peft", "comfyui"]
PREFIXES: dict[KeyFormat, str] = {
    "diffusers": "transformer.",
    "peft": "base_model.model.",
    "comfyui": "diffusion_model.",
}
_FACTORS = {"lora_down": "lora_A", "lora_up": "lora_B"}

Weights = dict[str, Float[Tensor, "..."]]


def to_format(weights: Weights, key_format: KeyFormat) -> Weights:
    """Name plain weights (`transformer_blocks.0.attn1.to_q.lora_A.weight`) for another tool."""
    return {PREFIXES[key_format] + name: value for name, value in weights.items()}


def from_any_format(weights: Weights) -> Weights:
    """Return the weights under plain names, whichever tool wrote them.

    A scale `alpha` stored beside the factors is multiplied into `lora_B`, so that what comes back
    always has alpha = rank.

    Raises:
        ModelError: A name is none of an adapter's.

    """
    plain = {_plain(name): value for name, value in weights.items()}
    alphas = {n.removesuffix(".alpha"): v for n, v in plain.items() if n.endswith(".alpha")}
    factors = {n: v for n, v in plain.items() if not n.endswith(".alpha")}
    for module, alpha in alphas.items():
        rank = factors[f"{module}.lora_A.weight"].shape[0]
        name = f"{module}.lora_B.weight"
        factors[name] = factors[name] * (alpha.item() / rank)
    return factors


def _plain(name: str) -> str:
    short = name
    for prefix in (*PREFIXES.values(), "model."):
        short = short.removeprefix(prefix)
    for old, new in _FACTORS.items():
        short = short.replace(old, new)
    short = short.replace(".lora_A.default.", ".lora_A.").replace(".lora_B.default.", ".lora_B.")
    if not short.endswith((".lora_A.weight", ".lora_B.weight", ".alpha")):
        raise ModelError(
            f"{name} is not an adapter weight",
            "names such as transformer.transformer_blocks.0.attn1.to_q.lora_A.weight",
            "check that the file is a LoRA for an LTX transformer",
        )
    return short
