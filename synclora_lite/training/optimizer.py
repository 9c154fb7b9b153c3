"""The optimiser, its learning rate, and the averaged weights."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

from synclora_lite.training.adam8 import AdamW8bit
from synclora_lite.training.checkpoint import Named
from synclora_lite.training.config import LoopConfig
from synclora_lite.training.muon import Muon

Parameters = Mapping[str, torch.nn.Parameter]
_SCALER, _CHANGING = "loss_scale", ("scale", "_growth_tracker")


def make_optimizer(parameters: Parameters, config: LoopConfig) -> torch.optim.Optimizer:
    """Return AdamW (fused, or with moments of 8 bits) or Muon; matrices decay, vectors do not."""
    matrices = [p for p in parameters.values() if p.ndim > 1]
    vectors = [p for p in parameters.values() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    groups = [g for g in groups if g["params"]]
    if config.optimizer == "muon":
        return Muon(groups, lr=config.lr, betas=config.betas)
    if config.optimizer == "adamw8bit":
        return AdamW8bit(groups, lr=config.lr, betas=config.betas)
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, fused=True)


def learning_rate(step: int, config: LoopConfig) -> float:
    """Return the rate of a step: a linear warm-up, then constant or a cosine to `final_lr`."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    if config.schedule == "constant":
        return config.lr
    progress = (step - config.warmup) / max(1, config.steps - config.warmup)
    wave = (1 + math.cos(math.pi * min(progress, 1.0))) / 2
    return config.lr * (config.final_lr + (1 - config.final_lr) * wave)


def optimizer_state(optimizer: torch.optim.Optimizer, parameters: Parameters) -> Named:
    """Return the optimiser's moments and counters by parameter name."""
    return {
        f"{name}.{key}": value
        for name, parameter in parameters.items()
        for key, value in optimizer.state[parameter].items()
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, parameters: Parameters, state: Named
) -> None:
    """Undo `optimizer_state`."""
    for full_name, value in state.items():
        name, key = full_name.rsplit(".", 1)
        parameter = parameters[name]
        optimizer.state[parameter][key] = value.to(parameter.device).clone()


def scaler_state(scaler: torch.amp.GradScaler) -> Named:
    """Return what a checkpoint must hold of the loss scale of float16; nothing for others."""
    state = scaler.state_dict()
    return {f"{_SCALER}.{name}": torch.tensor(state[name]) for name in _CHANGING if state}


def restore_scaler(scaler: torch.amp.GradScaler, state: Named) -> Named:
    """Undo `scaler_state`, and return what else a checkpoint holds."""
    own = {n.removeprefix(f"{_SCALER}."): v for n, v in state.items() if n.startswith(_SCALER)}
    if own and scaler.is_enabled():
        kept = {name: own[name].item() for name in _CHANGING}
        scaler.load_state_dict(scaler.state_dict() | kept)
    return {name: value for name, value in state.items() if not name.startswith(_SCALER)}


@torch.no_grad()
def update_average(averaged: Named, parameters: Parameters, decay: float, step: int) -> None:
    """Move the averaged weights towards the present ones; faster in the first steps."""
    decay = min(decay, (1 + step) / (10 + step))
    torch._foreach_lerp_(
        list(averaged.values()), [parameters[n].detach() for n in averaged], 1 - decay
    )


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
