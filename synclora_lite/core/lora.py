"""LoRA in plain PyTorch: a small trained update beside each frozen weight.

W' = W + s B A, with A (rank, inputs) and B (outputs, rank); Hu et al. 2021 (arXiv 2106.09685).
Outputs and files are those of peft.
"""

import math
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

Weights = dict[str, Tensor]

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
FEED_FORWARD = ("ff.net.0.proj", "ff.net.2")
SELF_ATTENTION = tuple(f"attn1.{name}" for name in ATTENTION)
"""Endings of layer names. With a caption of one token the cross-attention has nothing to adapt."""


class LoRALinear(nn.Module):
    """A frozen linear layer plus its low-rank update; it starts as the layer alone, since B = 0."""

    def __init__(self, base: nn.Linear, rank: int, generator: torch.Generator | None = None):
        super().__init__()
        self.base_layer = base
        self.scale = 1.0
        place = base.weight.device
        self.lora_A = nn.Linear(base.in_features, rank, bias=False, device=place)
        self.lora_B = nn.Linear(rank, base.out_features, bias=False, device=place)
        if place.type != "meta":
            start = torch.empty(self.lora_A.weight.shape)  # drawn on the CPU, where generators are
            nn.init.kaiming_uniform_(start, a=math.sqrt(5), generator=generator)
            self.lora_A.weight.data.copy_(start)
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, x: Float[Tensor, "*shape inputs"]) -> Float[Tensor, "*shape outputs"]:
        """Return W x + b + s B A x.

        A and B are kept in float32 for the optimiser. They are converted, and not x, which is far
        larger: activations stay in the format of the frozen weights.
        """
        down = F.linear(x, self.lora_A.weight.to(x.dtype))  # (..., rank)
        up = F.linear(down, self.lora_B.weight.to(x.dtype))  # (..., outputs)
        return self.base_layer(x) + self.scale * up

    def merged(self) -> nn.Linear:
        """Return the linear layer with the update added to its weight."""
        update = self.scale * (self.lora_B.weight @ self.lora_A.weight).detach()
        weight = self.base_layer.weight
        weight.data.copy_(weight.detach() + update.to(weight.dtype))
        return self.base_layer


def lora_layers(model: nn.Module) -> Iterator[tuple[str, LoRALinear]]:
    """Return the adapted layers by name."""
    return ((n, m) for n, m in model.named_modules() if isinstance(m, LoRALinear))


def target_layers(model: nn.Module, targets: Sequence[str]) -> dict[str, nn.Linear]:
    """Return the linear layers whose names are, or end in, one of `targets`."""
    endings = tuple(f".{target}" for target in targets)
    linear = ((n, m) for n, m in model.named_modules() if isinstance(m, nn.Linear))
    return {name: layer for name, layer in linear if f".{name}".endswith(endings)}


def inject(
    model: nn.Module, targets: Sequence[str], rank: int, generator: torch.Generator | None = None
) -> list[nn.Parameter]:
    """Freeze a model, put a fresh LoRA on some of its linear layers, return what is to be trained.

    Args:
        model: Changed in place.
        targets: Names of the layers, or endings of names such as "attn1.to_q".
        rank: Rank of the update.
        generator: Draws A.

    """
    model.requires_grad_(requires_grad=False)
    for name, layer in target_layers(model, targets).items():
        _replace(model, name, LoRALinear(layer, rank, generator))
    return [p for _, layer in lora_layers(model) for p in layer.parameters() if p.requires_grad]


def merge(model: nn.Module) -> None:
    """Add the updates to the weights: as fast as the model without them."""
    for name, layer in list(lora_layers(model)):
        _replace(model, name, layer.merged())


def eject(model: nn.Module) -> None:
    """Take the LoRA out again."""
    for name, layer in list(lora_layers(model)):
        _replace(model, name, layer.base_layer)


def set_scale(model: nn.Module, scale: float) -> None:
    """Weight the updates; 0 is the model without them."""
    for _, layer in lora_layers(model):
        layer.scale = scale


def lora_state_dict(model: nn.Module) -> Weights:
    """Return the factors under the names that peft gives them in a file."""
    return {
        f"{name}.{factor}.weight": getattr(layer, factor).weight.detach()
        for name, layer in lora_layers(model)
        for factor in ("lora_A", "lora_B")
    }


@torch.no_grad()
def load_lora_state_dict(model: nn.Module, weights: Weights) -> None:
    """Copy factors into the LoRA of a model; their names and sizes must be those it has."""
    for name, value in lora_state_dict(model).items():
        value.copy_(weights[name])


def combine(adapters: Sequence[Weights], strengths: Sequence[float]) -> Weights:
    """Return several LoRAs as one: sum_i s_i B_i A_i = [s_1 B_1, s_2 B_2, ...] [A_1; A_2; ...].

    Layers that an adapter leaves alone are filled with zeros, so that all layers have one rank.
    """
    layers = {n.removesuffix(".lora_A.weight") for a in adapters for n in a if ".lora_A." in n}
    ranks = [next(v.shape[0] for n, v in a.items() if ".lora_A." in n) for a in adapters]
    combined = {}
    for layer in sorted(layers):
        a_name, b_name = f"{layer}.lora_A.weight", f"{layer}.lora_B.weight"
        like = next(a for a in adapters if a_name in a)
        rows, columns = [], []
        for adapter, strength, rank in zip(adapters, strengths, ranks, strict=True):
            rows.append(adapter.get(a_name, like[a_name].new_zeros(rank, like[a_name].shape[1])))
            zeros = like[b_name].new_zeros(like[b_name].shape[0], rank)
            columns.append(strength * adapter.get(b_name, zeros))
        combined[a_name], combined[b_name] = torch.cat(rows), torch.cat(columns, dim=1)
    return combined


def _replace(model: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, layer)
