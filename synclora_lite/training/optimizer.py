"""The optimiser, its learning rate, and the averaged weights."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from synclora_lite.training.checkpoint import Named
from synclora_lite.training.config import LoopConfig, check_installed

Parameters = Mapping[str, torch.nn.Parameter]
Optimizers = list[torch.optim.Optimizer]
SCALE, CHANGING = "loss_scale", ("scale", "_growth_tracker")


def make_optimizers(parameters: Parameters, config: LoopConfig) -> Optimizers:
    """Return AdamW (fused, or with moments of 8 bits), or Muon for matrices and AdamW for the rest.

    Weights decay, vectors do not. Muon (Jordan et al. 2024) makes the momentum of a matrix
    orthogonal; scaled as in Liu et al. 2025 (arXiv 2502.16982), one learning rate serves both.
    Raises ConfigError if bitsandbytes, which has the moments of 8 bits, is not installed.
    """
    decay, betas, rest = config.weight_decay, config.betas, list(parameters.values())
    optimizers: Optimizers = []
    matrices = [p for p in rest if p.ndim == 2]
    if config.optimizer == "muon" and matrices:
        rest = [p for p in rest if p.ndim != 2]
        muon: dict[str, Any] = {"momentum": betas[0], "adjust_lr_fn": "match_rms_adamw"}
        optimizers = [torch.optim.Muon(matrices, lr=config.lr, weight_decay=decay, **muon)]
    groups = [
        {"params": [p for p in rest if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if config.optimizer == "adamw8bit":
        check_installed('optimizer = "adamw8bit"', "bitsandbytes")
        from bitsandbytes.optim import AdamW8bit  # type: ignore[import-not-found,unused-ignore]

        return [AdamW8bit(groups, lr=config.lr, betas=betas)]
    if groups:
        optimizers.append(torch.optim.AdamW(groups, lr=config.lr, betas=betas, fused=True))
    return optimizers


def learning_rate(step: int, config: LoopConfig) -> float:
    """Return the rate of a step: a linear warm-up, then constant or a cosine to `final_lr`."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    if config.schedule == "constant":
        return config.lr
    progress = (step - config.warmup) / max(1, config.steps - config.warmup)
    wave = (1 + math.cos(math.pi * min(progress, 1.0))) / 2
    return config.lr * (config.final_lr + (1 - config.final_lr) * wave)


def optimizer_state(
    optimizers: Optimizers, parameters: Parameters, scaler: torch.amp.GradScaler
) -> Named:
    """Return moments and counters by parameter name, and the loss scale of float16, as tensors."""
    state = {
        f"{name}.{key}": torch.as_tensor(value).clone()
        for name, parameter in parameters.items()
        for optimizer in optimizers
        for key, value in optimizer.state.get(parameter, {}).items()
    }
    scale = scaler.state_dict()  # empty of a scaler that is off
    return state | {f"{SCALE}.{n}": torch.tensor(scale[n]) for n in CHANGING if scale}


def restore_optimizer(
    optimizers: Optimizers, parameters: Parameters, state: Named, scaler: torch.amp.GradScaler
) -> None:
    """Undo `optimizer_state`."""
    owner = {p: o for o in optimizers for group in o.param_groups for p in group["params"]}
    for full_name, value in state.items():
        name, key = full_name.rsplit(".", 1)
        if name == SCALE:
            if scaler.is_enabled():
                scaler.load_state_dict(scaler.state_dict() | {key: value.item()})
            continue
        parameter = parameters[name]
        counter = value.dtype == torch.int64  # bitsandbytes counts steps in Python
        moment = value.item() if counter else value.to(parameter.device).clone()
        owner[parameter].state[parameter][key] = moment


@torch.no_grad()
def update_average(averaged: Named, parameters: Parameters, decay: float, step: int) -> None:
    """Move the averaged weights towards the present ones; faster in the first steps."""
    decay = min(decay, (1 + step) / (10 + step))
    present = [parameters[name].detach() for name in averaged]
    torch._foreach_lerp_(list(averaged.values()), present, 1 - decay)


@contextmanager
def averaged_weights(averaged: Named, parameters: Parameters) -> Iterator[None]:
    """Use the averaged weights, if any, within the block."""
    present = {name: parameters[name].detach().clone() for name in averaged}
    restore(parameters, averaged)
    try:
        yield
    finally:
        restore(parameters, present)


@torch.no_grad()
def restore(parameters: Parameters, values: Named) -> None:
    """Copy values into the parameters of the same names."""
    for name, value in values.items():
        parameters[name].copy_(value)
