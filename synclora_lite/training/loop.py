"""The training loop: one for all recipes, resumable at any checkpoint to the same bits."""

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import gather_object, reduce
from torch import Tensor
from tqdm.auto import tqdm

from synclora_lite.errors import ConfigError, TrainingError
from synclora_lite.files import remove_unfinished
from synclora_lite.models.precision import compute_dtype
from synclora_lite.training import checkpoint, optimizer
from synclora_lite.training.bank import seeded
from synclora_lite.training.config import LoopConfig
from synclora_lite.training.log import RunLog, mean_metrics, plot_log
from synclora_lite.training.processes import process_group, share

FREE = {  # settings that may change between a run and its resumption
    *("steps", "log_every", "log_with", "validate_every", "checkpoint_every", "keep", "device"),
    *("checkpointing", "offload"),
}
EXPLODED = 1e4  # every recipe's loss is of order 1 from its first step on
Metrics = dict[str, float]


@dataclass(frozen=True)
class Recipe:
    """What a training run learns; the loop does the rest."""

    parameters: Mapping[str, torch.nn.Parameter]  # what is trained, by name
    # from the number of the batch and a seeded generator, the loss and metrics worth logging
    loss: Callable[[int, torch.Generator], tuple[Tensor, Metrics]]
    # from the step and the run's folder, metrics for `validation.csv`
    validate: Callable[[int, Path], Metrics] | None = None
    export: Callable[[Path], object] | None = None  # writes the trained weights into a folder
    settings: Mapping[str, Any] | None = None  # a run resumes only with the same ones
    # from the number of a batch, the names of its pairs, for the message of a run that has to stop
    pairs: Callable[[int], list[str]] | None = None


@dataclass
class Run:
    """The state of a run; `take_step` advances it."""

    recipe: Recipe
    config: LoopConfig
    out: Path
    group: PartialState
    optimizers: list[torch.optim.Optimizer]
    scaler: torch.amp.GradScaler
    settings: dict[str, Any]
    averaged: checkpoint.Named = field(default_factory=dict)
    step: int = 0

    @property
    def last_good(self) -> str:
        """Say which checkpoint the run can go back to."""
        found = checkpoint.checkpoints(self.out / "checkpoints")
        return f"the last good checkpoint is {found[-1] if found else 'none'}"


def train(recipe: Recipe, config: LoopConfig, out: str | Path, *, progress: bool = True) -> Path:
    """Run a recipe, from the newest checkpoint in `out` that is whole, if there is one.

    Started by `accelerate launch`, all processes share the batches of every step, and the first
    writes: `checkpoints/`, `train.csv`, `validation.csv`, `loss.png` and the weights in `final/`,
    which is returned.

    Raises ConfigError if `out` holds a run with other settings, or `accumulate` is no multiple of
    the number of processes, TrainingError if a loss, a gradient, a pair or a weight is no number,
    or the loss has exploded; names the step, the pairs and the last good checkpoint.
    """
    run = start_run(recipe, config, Path(out))
    writes, trained = run.group.is_main_process, recipe.parameters
    log = RunLog(run.out, run.step, config) if writes else None
    name, hidden = run.out.name, not (progress and writes)
    with tqdm(total=config.steps, initial=run.step, disable=hidden, desc=name, unit="step") as bar:
        while run.step < config.steps:
            metrics = take_step(run)
            bar.update()
            bar.set_postfix(loss=f"{metrics['loss']:.4f}", refresh=False)
            if log is not None:
                log.step(run.step, metrics)
            if config.validate_every and run.step % config.validate_every == 0:
                if recipe.validate and log is not None:
                    with optimizer.averaged_weights(run.averaged, trained), torch.no_grad():
                        log.validation(run.step, partial(recipe.validate, run.step, run.out))
                run.group.wait_for_everyone()
            if run.step % config.checkpoint_every == 0 or run.step == config.steps:
                save_run(run)
    if recipe.export and writes:
        with optimizer.averaged_weights(run.averaged, trained):
            recipe.export(run.out / "final")
    if log is not None and log.tracker is not None:
        log.tracker.finish()
    run.group.wait_for_everyone()
    return run.out / "final"


def start_run(recipe: Recipe, config: LoopConfig, out: Path) -> Run:
    """Return a run at the newest checkpoint that is whole, or at step 0."""
    group, parameters = process_group(config.device), recipe.parameters
    share(config.accumulate, group.process_index, group.num_processes)
    scaler = torch.amp.GradScaler(  # keeps float16 gradients from vanishing
        config.device.split(":")[0],
        init_scale=2.0**12,
        growth_interval=200,
        enabled=compute_dtype(config.precision, config.device) == torch.float16,
    )
    kept = {k: v for k, v in asdict(config).items() if k not in FREE}
    settings = json.loads(json.dumps({**kept, **(recipe.settings or {})}, default=str))
    optimizers = optimizer.make_optimizers(parameters, config)
    run = Run(recipe, config, out, group, optimizers, scaler, settings)
    if config.ema:
        run.averaged = {n: p.detach().clone() for n, p in parameters.items()}
    with group.main_process_first():
        _resume(run)
    out.mkdir(parents=True, exist_ok=True)
    return run


def take_step(run: Run) -> Metrics:
    """Take one step: gradients of `accumulate` batches, clipped, and the optimiser's update."""
    config, scaler, parameters = run.config, run.scaler, run.recipe.parameters
    rate = optimizer.learning_rate(run.step, config)
    metrics = {**_gradients(run), "lr": rate}
    for each in run.optimizers:
        scaler.unscale_(each)
        for group in each.param_groups:
            group["lr"] = rate
    longest = config.clip or math.inf
    norm = torch.nn.utils.clip_grad_norm_(parameters.values(), longest, foreach=True).item()
    if scaler.is_enabled() and not math.isfinite(norm) and scaler.get_scale() > 1:
        metrics["skipped"] = 1.0  # an overflow of float16: the scaler leaves the step out
    else:
        metrics["gradient"] = norm
        _check_metrics(run, metrics)
    for each in run.optimizers:
        scaler.step(each)
        each.zero_grad(set_to_none=True)
    scaler.update()
    run.step += 1
    if run.averaged:
        optimizer.update_average(run.averaged, parameters, config.ema, run.step)
    return metrics


def _gradients(run: Run) -> Metrics:
    """Accumulate the gradients of a step's batches; return their mean metrics."""
    config, found, group = run.config, [], run.group
    first = run.step * config.accumulate
    for micro in share(config.accumulate, group.process_index, group.num_processes):
        try:
            generator = seeded(config.seed, first + micro)
            loss, extra = run.recipe.loss(first + micro, generator)
        except TrainingError as error:  # a pair that cannot be used
            advice = "; ".join(filter(None, (run.last_good, error.advice)))
            what = f"step {run.step}: {error.what}"
            raise TrainingError(what, error.expected, advice) from error
        run.scaler.scale(loss / config.accumulate).backward()
        found.append({"loss": loss.item(), **extra})
    if group.use_distributed:
        for parameter in run.recipe.parameters.values():
            own = parameter.grad  # a batch without reference may leave some without one
            parameter.grad = reduce(torch.zeros_like(parameter) if own is None else own, "sum")
        found = gather_object(found)
    return mean_metrics(found)


def save_run(run: Run) -> None:
    """Write a checkpoint and the plot of the loss, if this is the process that writes."""
    _check_weights(run)
    if not run.group.is_main_process:
        return
    state = optimizer.optimizer_state(run.optimizers, run.recipe.parameters, run.scaler)
    weights = {name: p.detach() for name, p in run.recipe.parameters.items()}
    saved = checkpoint.Checkpoint(run.step, weights, run.averaged, state, run.settings)
    checkpoint.save_checkpoint(saved, run.out / "checkpoints", run.config.keep)
    plot_log(run.out / "train.csv", run.out / "loss.png")


def _resume(run: Run) -> None:
    """Bring a run to the state of the newest checkpoint that is whole, if there is one."""
    folder, parameters = run.out / "checkpoints", run.recipe.parameters
    if run.group.is_main_process:
        checkpoint.clear_unfinished(folder)
        remove_unfinished(run.out)
    saved, refused = checkpoint.newest_checkpoint(folder)
    for error in refused:
        tqdm.write(f"{error.what}; going on from the checkpoint before it", file=sys.stderr)
    if saved is None:
        _check_weights(run)
        return
    changed = [
        f"{name} is {run.settings.get(name)!r}, was {was!r}"
        for name, was in sorted(saved.settings.items())  # one that it did not know has its default
        if was != run.settings.get(name)
    ]
    if changed:
        what = f"{run.out} holds a run with other settings: {'; '.join(changed)}"
        advice = "restore them, or name another `out`"
        raise ConfigError(what, "the settings it was started with", advice)
    optimizer.restore(parameters, saved.weights)
    optimizer.restore_optimizer(run.optimizers, parameters, saved.optimizer, run.scaler)
    run.averaged = {n: v.to(parameters[n].device) for n, v in saved.averaged.items()}
    run.step = saved.step


def _check_metrics(run: Run, metrics: Metrics) -> None:
    """Raise TrainingError if the loss or the gradient is no number, or the loss has exploded."""
    loss, gradient = metrics["loss"], metrics["gradient"]
    if math.isfinite(loss) and math.isfinite(gradient) and loss <= EXPLODED:
        return
    made_of = ""
    if run.recipe.pairs:
        first = run.step * run.config.accumulate
        batches = range(first, first + run.config.accumulate)
        names = dict.fromkeys(name for k in batches for name in run.recipe.pairs(k))
        made_of = f", made of {', '.join(names)}"
    what = f"loss {loss:.4g} and gradient {gradient:.4g} at step {run.step}{made_of}"
    expected = f"finite numbers, and a loss up to {EXPLODED:g}"
    raise TrainingError(what, expected, f"{run.last_good}; lower lr or clip more")


def _check_weights(run: Run) -> None:
    """Raise TrainingError if weights are no numbers, before they are saved or trained on."""
    for name, weight in run.recipe.parameters.items():
        if not torch.isfinite(weight).all():
            what = f"the weights {name} hold values that are no numbers at step {run.step}"
            advice = f"{run.last_good}; start from other weights, or lower lr"
            raise TrainingError(what, "finite weights", advice)
