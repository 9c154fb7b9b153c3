"""The training loop: one for all recipes, resumable at any checkpoint to the same bits."""

import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from synclora_lite.errors import ConfigError
from synclora_lite.files import remove_unfinished
from synclora_lite.training.bank import seeded
from synclora_lite.training.checkpoint import (
    Checkpoint,
    Named,
    clear_unfinished,
    newest_checkpoint,
    save_checkpoint,
)
from synclora_lite.training.config import LoopConfig
from synclora_lite.training.health import check_numbers, check_weights, told_with
from synclora_lite.training.log import CsvLog, plot_log
from synclora_lite.training.optimizer import (
    averaged_weights,
    learning_rate,
    make_optimizers,
    optimizer_state,
    restore,
    restore_optimizer,
    update_average,
)
from synclora_lite.training.precision import LossScale, autocast, divide
from synclora_lite.training.team import Team, join, leave

FREE = {
    *("steps", "threads", "log_every", "validate_every", "checkpoint_every", "keep", "device"),
    *("checkpointing", "offload"),
}
"""Settings that may change between a run and its resumption."""


@dataclass(frozen=True)
class Recipe:
    """What a training run learns; the loop does the rest.

    Attributes:
        parameters: What is trained, by name.
        loss: From the number of the batch and a seeded generator, the loss of one batch and
            numbers worth logging.
        validate: From the step and the run's folder, numbers for `validation.csv`.
        export: Writes the trained weights in their final form into a folder.
        settings: Recorded in checkpoints; a run resumes only with the same ones.
        pairs: From the number of a batch, the names of its pairs, for the message of a run that
            has to stop.

    """

    parameters: Mapping[str, torch.nn.Parameter]
    loss: Callable[[int, torch.Generator], tuple[Tensor, dict[str, float]]]
    validate: Callable[[int, Path], dict[str, float]] | None = None
    export: Callable[[Path], object] | None = None
    settings: Mapping[str, Any] | None = None
    pairs: Callable[[int], list[str]] | None = None


def train(recipe: Recipe, config: LoopConfig, out: str | Path, *, progress: bool = True) -> Path:
    """Run a recipe, from the newest checkpoint in `out` that is whole, if there is one.

    Started by `accelerate launch`, all processes share the batches of every step, and the first
    writes the files.

    Args:
        recipe: What to learn.
        config: How.
        out: Gets `checkpoints/`, `train.csv`, `validation.csv`, `loss.png` and `final/`.
        progress: Show a progress bar.

    Returns:
        The folder with the exported weights, `out/final`.

    Raises:
        ConfigError: `out` holds a run with other settings, or `accumulate` is no multiple of the
            number of processes.
        TrainingError: A loss, a gradient, a pair or a weight is no number, or the loss has
            exploded; names the step, the pairs and the last good checkpoint.

    """
    torch.set_num_threads(config.threads)
    team = join(config.device)
    run = _Run(recipe, config, Path(out), team)
    with tqdm(
        total=config.steps,
        initial=run.step,
        disable=not (progress and team.leads),
        desc=Path(out).name,
        unit="step",
    ) as bar:
        while run.step < config.steps:
            numbers = run.advance()
            bar.update()
            bar.set_postfix(loss=f"{numbers['loss']:.4f}", refresh=False)
    run.finish()
    leave()
    return run.out / "final"


class _Run:
    """The state of a run: weights, optimiser, averages, step."""

    def __init__(self, recipe: Recipe, config: LoopConfig, out: Path, team: Team) -> None:
        self.recipe, self.config, self.out, self.team = recipe, config, out, team
        self.scale = LossScale(config)
        self.batches = team.share(config.accumulate)
        self.parameters = dict(recipe.parameters)
        self.optimizers = make_optimizers(self.parameters, config)
        self.averaged: Named = {}
        if config.ema:
            self.averaged = {n: p.detach().clone() for n, p in self.parameters.items()}
        kept = {k: v for k, v in asdict(config).items() if k not in FREE}
        self.settings: dict[str, Any] = _plain({**kept, **(recipe.settings or {})})
        self.step = 0
        self.checkpoints = out / "checkpoints"
        with team.leader_first():
            self._resume()
        out.mkdir(parents=True, exist_ok=True)
        self.log = CsvLog(out / "train.csv", self.step) if team.leads else None
        self.validation = CsvLog(out / "validation.csv", self.step) if team.leads else None
        self.recent: list[dict[str, float]] = []
        self.started = time.perf_counter()

    def advance(self) -> dict[str, float]:
        """Take one step, and log, validate and save when it is time."""
        config = self.config
        rate = learning_rate(self.step, config)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        numbers = self._gradients()
        norm = torch.nn.utils.clip_grad_norm_(
            self.parameters.values(), config.clip or math.inf, foreach=True
        ).item()
        numbers["lr"] = rate
        if self.scale.overflowed(norm):
            numbers["skipped"] = 1.0
        else:
            numbers["gradient"] = norm
            check_numbers(numbers, self.step, self._pairs(), self.checkpoints)
            for optimizer in self.optimizers:
                optimizer.step()
        for parameter in self.parameters.values():
            parameter.grad = None
        self.step += 1
        if self.averaged:
            update_average(self.averaged, self.parameters, config.ema, self.step)
        self._log(numbers)
        if config.validate_every and self.step % config.validate_every == 0:
            self._validate()
        if self.step % config.checkpoint_every == 0:
            self._save()
        return numbers

    def finish(self) -> None:
        """Save the last step and export the averaged weights, or the plain ones."""
        if self.step % self.config.checkpoint_every:
            self._save()
        if self.recipe.export and self.team.leads:
            with averaged_weights(self.averaged, self.parameters):
                self.recipe.export(self.out / "final")
        self.team.wait()

    def _gradients(self) -> dict[str, float]:
        """Accumulate the gradients of `accumulate` batches; return their mean numbers."""
        config, factor = self.config, self.scale.factor
        batches = []
        for micro in self.batches:
            index = self.step * config.accumulate + micro
            with autocast(config):
                loss, extra = self._loss(index)
            (loss * (factor / config.accumulate)).backward()  # type: ignore[no-untyped-call]
            batches.append({"loss": loss.item(), **extra})
        if self.team.size > 1:  # a batch without reference may leave some without a gradient
            for parameter in self.parameters.values():
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        self.team.add_up(gradients)
        divide(gradients, factor)
        return _means(self.team.collect(batches))

    def _loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of one batch; a pair that cannot be used stops the run."""
        with told_with(self.step, self.checkpoints):
            return self.recipe.loss(index, seeded(self.config.seed, index))

    def _pairs(self) -> list[str]:
        """Name the pairs of the step."""
        first = self.step * self.config.accumulate
        batches = range(first, first + self.config.accumulate)
        named = self.recipe.pairs
        return list(dict.fromkeys(n for k in batches for n in named(k))) if named else []

    def _log(self, numbers: dict[str, float]) -> None:
        if self.log is None:
            return
        self.recent.append(numbers)
        if self.step % self.config.log_every == 0:
            seconds = (time.perf_counter() - self.started) / len(self.recent)
            self.log.write(self.step, {**_means(self.recent), "seconds_per_step": seconds})
            self.recent, self.started = [], time.perf_counter()

    def _validate(self) -> None:
        if self.recipe.validate and self.validation is not None:
            started = time.perf_counter()
            with averaged_weights(self.averaged, self.parameters), torch.no_grad():
                self.validation.write(self.step, self.recipe.validate(self.step, self.out))
            self.started += time.perf_counter() - started
        self.team.wait()

    def _save(self) -> None:
        check_weights(self.parameters, self.step, self.checkpoints)
        if not self.team.leads:
            return
        state = optimizer_state(self.optimizers, self.parameters) | self.scale.state()
        weights = {name: p.detach() for name, p in self.parameters.items()}
        save_checkpoint(
            Checkpoint(self.step, weights, self.averaged, state, self.settings),
            self.checkpoints,
            self.config.keep,
        )
        plot_log(self.out / "train.csv", self.out / "loss.png")

    def _resume(self) -> None:
        if self.team.leads:
            clear_unfinished(self.checkpoints)
            remove_unfinished(self.out)
        saved, refused = newest_checkpoint(self.checkpoints)
        for error in refused:
            tqdm.write(f"{error.what}; going on from the checkpoint before it", file=sys.stderr)
        if saved is None:
            check_weights(self.parameters, 0, self.checkpoints)
            return
        changed = [
            f"{name} is {self.settings.get(name)!r}, was {saved.settings.get(name)!r}"
            for name in sorted(saved.settings)  # one that it did not know has its default
            if saved.settings.get(name) != self.settings.get(name)
        ]
        if changed:
            raise ConfigError(
                f"{self.out} holds a run with other settings: {'; '.join(changed)}",
                "the settings it was started with",
                "restore them, or name another `out`",
            )
        restore(self.parameters, saved.weights)
        moments = self.scale.restore(saved.optimizer)
        restore_optimizer(self.optimizers, self.parameters, moments)
        self.averaged = {n: v.to(self.parameters[n].device) for n, v in saved.averaged.items()}
        self.step = saved.step


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of every number over the rows that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    found = {name: [row[name] for row in rows if name in row] for name in names}
    return {name: sum(values) / len(values) for name, values in found.items()}


def _plain(value: Any) -> Any:
    """Return settings as JSON keeps them, for comparison after a round trip."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value
