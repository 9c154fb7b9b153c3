"""Muon: momentum whose matrices are made orthogonal before every step; Adam for vectors.

Jordan et al. 2024, "Muon: an optimizer for hidden layers"; the scale that lets one learning rate
serve matrices and vectors alike is Liu et al. 2025 (arXiv 2502.16982). torch.optim.Muon is the
same idea, but orthogonalises whole matrices: on two cores that takes longer than a small batch's
backward pass. Here blocks of 128 rows are made orthogonal each by itself, an eighth of the work.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

BLOCK = 128
POLYNOMIAL = (3.4445, -4.7750, 2.0315)


class Muon:
    """Works on float32 parameters whose `.grad` is set."""

    def __init__(self, parameters: list[Tensor], betas: tuple[float, float] = (0.95, 0.98)) -> None:
        self.parameters, self.betas = parameters, betas
        self.first = [torch.zeros_like(p) for p in parameters]
        self.second = [torch.zeros_like(p) if p.ndim < 2 else torch.zeros(()) for p in parameters]
        self.steps = 0

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Update all parameters."""
        self.steps += 1
        fast, slow = self.betas
        for p, first, second in zip(self.parameters, self.first, self.second, strict=True):
            if p.grad is None:
                continue
            first.lerp_(p.grad, 1 - fast)
            if p.ndim > 1:
                update = orthogonal(p.grad.lerp(first, fast).flatten(1)).view_as(p)
            else:
                second.lerp_(p.grad.square(), 1 - slow)
                update = first / (1 - fast**self.steps)
                update = update / ((second / (1 - slow**self.steps)).sqrt() + 1e-8)
            p.add_(update, alpha=-lr)
            p.grad = None

    def state_of(self, named: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return moments by name, and the number of steps."""
        state = {"steps": torch.tensor(self.steps)}
        for name, first, second in zip(named, self.first, self.second, strict=True):
            state |= {f"{name}.first": first, f"{name}.second": second}
        return state

    def restore(self, named: dict[str, Tensor], state: dict[str, Tensor]) -> None:
        """Undo `state_of`."""
        self.steps = int(state["steps"])
        for name, first, second in zip(named, self.first, self.second, strict=True):
            first.copy_(state[f"{name}.first"])
            second.copy_(state[f"{name}.second"])


def orthogonal(matrix: Float[Tensor, "rows columns"]) -> Float[Tensor, "rows columns"]:
    """Return a matrix with the same singular directions and all singular values near one.

    Five Newton-Schulz steps, then scaled to the size of a typical Adam step (0.2 a number).
    """
    rows, columns = matrix.shape
    blocks = rows // BLOCK if rows % BLOCK == 0 and matrix.device.type == "cpu" else 1
    x = matrix.view(blocks, -1, columns)
    x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16()
    wide = x.shape[1] <= x.shape[2]
    x = x if wide else x.mT
    a, b, c = POLYNOMIAL
    for _ in range(5):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    x = x if wide else x.mT
    return 0.2 * max(rows // blocks, columns) ** 0.5 * x.float().reshape(rows, columns)
