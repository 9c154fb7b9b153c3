"""One training loop for every part of the lite model: exact resume, masters in float32.

The network computes in the device's fastest precision, activations and gradients included; the
optimiser works on float32 masters and copies them back after each step. Batches are drawn from a
generator seeded by (seed, step, process), so a run that was stopped goes on as if it had not been.
Several processes, started by `accelerate launch`, each take a batch; their gradients are averaged.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm.auto import tqdm

from recipes.muon import Muon
from synclora_lite.files import atomic_path, read_jsonl, write_atomic
from synclora_lite.models.precision import multiplies_bfloat16
from synclora_lite.training.bank import seeded
from synclora_lite.training.processes import process_group

LOG = "log.jsonl"
LOG_EVERY, VALIDATE_EVERY = 20, 400  # steps
Loss = Callable[[int, torch.Generator], Tensor]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long, how fast, how often.

    Attributes:
        steps: Of the whole run; may be raised later, since the rate is constant until the end.
        lr: Learning rate after `warmup` steps.
        cooldown: Steps at the end over which it falls to a hundredth.
        average: Decay of the averaged weights, which are the ones that are kept.
    """

    steps: int
    lr: float = 1e-3
    warmup: int = 50
    cooldown: int = 0
    average: float = 0.998
    save_every: int = 200
    seed: int = 0

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        rise = min(1.0, (step + 1) / self.warmup)
        left = (self.steps - step) / max(1, self.cooldown)
        return self.lr * rise * max(0.01, min(1.0, left))


class Masters:
    """Float32 masters of a network's trainable weights, their optimiser and their average."""

    def __init__(self, network: nn.Module, average: float, processes: int = 1) -> None:
        self.working = {n: p for n, p in network.named_parameters() if p.requires_grad}
        self.masters = {n: p.detach().float().clone() for n, p in self.working.items()}
        self.averaged = {n: p.clone() for n, p in self.masters.items()}
        self.average, self.processes = average, processes
        self.optimizer = Muon(list(self.masters.values()))

    @torch.no_grad()
    def step(self, step: int, lr: float) -> float:
        """Update masters from the working copy's gradients; return the gradients' norm."""
        for name, parameter in self.working.items():
            if parameter.grad is not None:  # weights that no output depends on have none
                self.masters[name].grad = parameter.grad.float()
                parameter.grad = None
        if self.processes > 1:
            gradients = [m.grad for m in self.masters.values() if m.grad is not None]
            whole = torch.cat([g.flatten() for g in gradients])
            torch.distributed.all_reduce(whole)
            parts = whole.div_(self.processes).split([g.numel() for g in gradients])
            for gradient, part in zip(gradients, parts, strict=True):
                gradient.copy_(part.view_as(gradient))
        norm = nn.utils.clip_grad_norm_(self.masters.values(), 1e9)
        if not torch.isfinite(norm):
            return float(norm)  # a batch that overflowed in half precision is left out
        self.optimizer.step(lr)
        decay = min(self.average, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.averaged.values()), list(self.masters.values()), 1 - decay)
        self.give(self.masters)
        return float(norm)

    @torch.no_grad()
    def give(self, values: dict[str, Tensor]) -> None:
        """Copy weights into the network."""
        torch._foreach_copy_(list(self.working.values()), [values[n] for n in self.working])

    def save(self, path: Path, step: int) -> None:
        """Write everything that a resumed run needs."""
        moments = self.optimizer.state_of(self.masters)
        kinds = {"master": self.masters, "average": self.averaged, "moment": moments}
        state = {f"{kind}.{n}": v for kind, values in kinds.items() for n, v in values.items()}
        with atomic_path(path) as partial:
            save_file(state | {"step": torch.tensor(step)}, partial)

    def restore(self, path: Path) -> int:
        """Read what `save` wrote; return the step."""
        state = load_file(path)
        step = int(state.pop("step"))
        for name, value in state.items():
            kind, rest = name.split(".", 1)
            if kind != "moment":
                place = self.masters if kind == "master" else self.averaged
                place[rest].copy_(value)
        moments = {n.split(".", 1)[1]: v for n, v in state.items() if n.startswith("moment.")}
        self.optimizer.restore(self.masters, moments)
        self.give(self.masters)
        return step


def train(
    network: nn.Module,
    loss: Loss,
    schedule: Schedule,
    folder: Path,
    export: Callable[[dict[str, Tensor]], None],
    validate: Callable[[], dict[str, float]],
) -> None:
    """Train to the end of the schedule, from where the folder's state is.

    Args:
        network: In training precision, on its device.
        loss: Of the batch of a step, whose randomness comes from the generator it is given.
        schedule: See there.
        folder: Gets state.safetensors, log.jsonl and what `export` writes.
        export: Called with the averaged weights.
        validate: Metrics with the averaged weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    group = process_group(next(network.parameters()).device.type)
    weights = Masters(network, schedule.average, group.num_processes)
    state, start, length = folder / "state.safetensors", 0, schedule.steps
    main, began, recent = group.is_main_process, time.monotonic(), deque[float](maxlen=LOG_EVERY)
    if state.exists():
        start = weights.restore(state)
        if main:
            _rewind(folder, start)

    def keep(step: int) -> None:  # the state last: what was killed before it is done again
        export(weights.averaged)
        weights.give(weights.averaged)
        if step % VALIDATE_EVERY == 0 or step == length:
            _log(folder, {"step": step, **validate()})
        weights.give(weights.masters)
        weights.save(state, step)

    with tqdm(initial=start, total=length, desc=folder.name, disable=not main) as bar:
        for step in range(start, length):
            value = loss(step, seeded(schedule.seed, step, group.process_index))
            value.backward()
            norm = weights.step(step, schedule.rate(step))
            recent.append(value.item())
            done = step + 1
            bar.update()
            if main and done % LOG_EVERY == 0:
                found = {"loss": sum(recent) / len(recent), "norm": norm}
                bar.set_postfix(found)
                _log(folder, {"step": done, **found, "seconds": time.monotonic() - began})
            if main and (done % schedule.save_every == 0 or done == length):
                keep(done)


def training_dtype(device: torch.device) -> torch.dtype:
    """Return the precision that a device multiplies fastest and that training bears."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = multiplies_bfloat16()
    return torch.bfloat16 if native else torch.float32


def _rewind(folder: Path, step: int) -> None:
    """Forget what was logged after the state that a run goes on from."""
    rows = [row for row in read_jsonl(folder / LOG) if row["step"] <= step]
    write_atomic(folder / LOG, "".join(json.dumps(row) + "\n" for row in rows))


def _log(folder: Path, row: dict[str, Any]) -> None:
    with (folder / LOG).open("a") as file:
        file.write(json.dumps(row) + "\n")
