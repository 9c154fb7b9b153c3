"""AdamW whose two moments take one byte a number each instead of four.

Block-wise dynamic quantisation (Dettmers et al. 2022, arXiv 2110.02861): every block of 256
numbers is scaled by its largest, and each number becomes the nearest of 256 codes that lie densely
around zero. Plain PyTorch, so it runs on any device; its state is saved like any other.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

BLOCK = 256
SMALLEST = 4096  # smaller parameters keep their moments in float32
DECADES = 7


class AdamW8bit(torch.optim.Optimizer):
    """AdamW with moments in eight bits."""

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.99),
        smallest: int = SMALLEST,
    ) -> None:
        super().__init__(groups, {"lr": lr, "betas": betas, "weight_decay": 0.0})
        self.smallest = smallest

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update all parameters that have a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    update = self._update(parameter, parameter.grad.float(), group["betas"])
                    parameter.add_(update, alpha=-group["lr"])

    def _update(self, parameter: Tensor, gradient: Tensor, betas: tuple[float, float]) -> Tensor:
        state = self.state[parameter]
        step = state.setdefault("step", torch.zeros(()))
        step += 1
        small = parameter.numel() < self.smallest
        corrected = []
        for name, new, beta in (
            ("exp_avg", gradient, betas[0]),
            ("exp_avg_sq", gradient.square(), betas[1]),
        ):
            signed = name == "exp_avg"
            moment = self._read(state, name, gradient, signed)
            moment.lerp_(new, 1 - beta)
            if small:
                state[name] = moment
            else:
                state[name], state[f"{name}_scale"] = quantise(moment, signed)
            corrected.append(moment / (1 - beta ** step.item()))
        first, second = corrected
        return first / (second.sqrt() + 1e-8)

    def _read(self, state: Any, name: str, like: Tensor, signed: bool) -> Tensor:
        if name not in state:
            return torch.zeros_like(like)
        if state[name].dtype != torch.uint8:
            return state[name]
        return restore(state[name], state[f"{name}_scale"], signed).view_as(like)


def quantise(
    values: Float[Tensor, "..."], signed: bool
) -> tuple[UInt8[Tensor, "blocks block"], Float[Tensor, " blocks"]]:
    """Return the codes of all values in blocks, and the scale of every block."""
    flat = values.flatten()
    block = BLOCK if flat.numel() % BLOCK == 0 else flat.numel()
    blocks = flat.view(-1, block)
    scale = blocks.abs().amax(1)
    unit = blocks / scale.clamp(min=1e-38)[:, None]
    table = codes(signed).to(unit)
    nearest = torch.bucketize(unit, (table[1:] + table[:-1]) / 2)
    return nearest.to(torch.uint8), scale


def restore(
    coded: UInt8[Tensor, "blocks block"], scale: Float[Tensor, " blocks"], signed: bool
) -> Float[Tensor, "blocks block"]:
    """Undo `quantise`, up to rounding."""
    return codes(signed).to(scale)[coded.int()] * scale[:, None]


@lru_cache(maxsize=2)
def codes(signed: bool) -> Float[Tensor, "256"]:
    """Return the 256 values from -1 (or 0) to 1, a number of them in every power of ten."""
    positive = []
    for decade in range(DECADES):
        count = 2 ** (decade + (0 if signed else 1))
        edges = torch.linspace(0.1, 1, count + 1)
        positive.append((edges[1:] + edges[:-1]) / 2 * 10.0 ** (decade + 1 - DECADES))
    values = torch.cat(positive)
    ends = torch.tensor([0.0, 1.0])
    return torch.cat([values, -values, ends] if signed else [values, ends]).sort().values
