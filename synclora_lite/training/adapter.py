"""Recipe: the in-context adapter, on pairs of the same motion.

To be read top to bottom: load the base and the pairs, put an adapter in, and for every batch call
`core.training_loss`. The loop in `training.loop` does the rest.
"""

from dataclasses import asdict
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from synclora_lite.core import (
    Objective,
    flow_loss,
    in_context_batch,
    scheduler_shift,
    training_loss,
)
from synclora_lite.errors import ConfigError, TrainingError
from synclora_lite.models import (
    AdapterSettings,
    I2VModel,
    add_adapter,
    load_adapter,
    load_model,
    save_adapter,
)
from synclora_lite.models.folders import model_folder, transformer_digest
from synclora_lite.models.precision import awake, natural_dtype
from synclora_lite.training.bank import LatentDataset, shuffled_rows, split_rows
from synclora_lite.training.config import AdapterConfig
from synclora_lite.training.loop import Recipe
from synclora_lite.training.pair_latents import is_pairs, pair_latents
from synclora_lite.training.precision import base_dtype
from synclora_lite.training.processes import process_group
from synclora_lite.training.validation import loss_by_level, sample_clips

Metrics = dict[str, float]


def adapter_recipe(config: AdapterConfig) -> Recipe:
    """Return the recipe that trains the adapter to take motion from the reference.

    Raises:
        ConfigError: This machine has no such device, the adapter to start from is of another kind,
            or every pair is held back for validation.
        TrainingError: No pair is left after filtering.

    """
    process_group(config.loop.device)
    training = AdapterTraining(config)
    transformer = training.model.transformer
    return Recipe(
        parameters={n: p for n, p in transformer.named_parameters() if p.requires_grad},
        loss=training.loss,
        validate=training.validate if config.validation_clips else None,
        export=lambda folder: save_adapter(transformer, training.settings, folder),
        settings={k: v for k, v in asdict(config).items() if k != "loop"}
        | {"base_weights": transformer_digest(config.model)},
        pairs=lambda index: training.dataset.names(training.rows(index)),
        autocast=False,  # the frozen weights are in the fast format, and activations stay in it
    )


class AdapterTraining:
    """What one run of training works on: base, pairs, adapter, and what is drawn at random."""

    def __init__(self, config: AdapterConfig) -> None:
        self.config = config
        self.model, dtype = _base(config)
        self.dataset = _dataset(config, self.model)
        channels = self.model.transformer.config.in_channels
        if self.dataset.shape[0] != channels:
            raise ConfigError(
                f"{config.bank} holds latents of {self.dataset.shape[0]} channels",
                f"{channels}, as {self.model.name} has",
                "name the model whose autoencoder made them",
            )
        torch.nn.Module.to(self.model.transformer, dtype)
        self.settings = _adapt(self.model, config)
        self.train_rows, self.held_rows = split_rows(
            torch.arange(len(self.dataset)), config.validation_clips
        )
        if config.data == "filtered":
            self.train_rows = self.train_rows[self.dataset.accepted[self.train_rows]]
        if not len(self.train_rows):
            raise TrainingError(f"no pair of {config.bank} is accepted", "pairs to train on")
        tokens = self.dataset.shape[1:].numel()
        mu = config.flow.mu
        self.objective = Objective(
            mu=scheduler_shift(tokens, self.model.scheduler) if mu is None else mu,
            std=config.flow.std,
            uniform=config.flow.uniform,
            first_frame_probability=config.first_frame,
            reference_dropout=config.reference_dropout,
        )
        self.loss_of = torch.compile(training_loss) if config.loop.compile else training_loss

    def rows(self, index: int) -> Int[Tensor, " batch"]:
        """Return which pairs batch number `index` is made of."""
        loop = self.config.loop
        return shuffled_rows(self.train_rows, loop.batch, index, loop.seed)

    def loss(self, index: int, generator: torch.Generator) -> tuple[Tensor, Metrics]:
        """Return the loss of batch number `index`: read pairs, and `core.training_loss`."""
        config, rows = self.config, self.rows(index)
        source, edited = self.dataset.read(rows).to(config.loop.device).unbind(1)
        share = identical_share(index // config.loop.accumulate, config)
        identical = torch.rand(len(rows), generator=generator) < share
        target = torch.where(identical.view(-1, 1, 1, 1, 1).to(source.device), source, edited)
        conditioning = self.model.conditioning(
            target.shape[2:], source, config.reference_offset, config.layout
        )
        losses = self.loss_of(
            self.model.transformer, target, conditioning, generator, self.objective
        )
        return self._mean(losses, rows), _by_kind(losses.detach().cpu(), identical)

    def validate(self, step: int, out: Path) -> Metrics:
        """Return losses on pairs held back from training, and how clips made from them compare."""
        config = self.config
        source, edited = self.dataset.read(self.held_rows).to(config.loop.device).unbind(1)
        conditioning = self.model.conditioning(
            edited.shape[2:], source, config.reference_offset, config.layout
        )

        def held_loss(noise: Tensor, levels: Tensor) -> Tensor:
            batch = in_context_batch(edited, noise, levels, conditioning)
            return flow_loss(self.model.transformer, batch)

        return loss_by_level(held_loss, edited) | sample_clips(
            self.model,
            edited[: config.samples],
            out / "samples" / f"step-{step:08d}.mp4",
            reference=source[: config.samples],
            reference_offset=config.reference_offset,
            layout=config.layout,
        )

    def _mean(self, losses: Float[Tensor, " batch"], rows: Tensor) -> Float[Tensor, ""]:
        if self.config.data != "weighted":
            return losses.mean()
        weights = self.dataset.weight[rows].to(losses)
        return (losses * weights).sum() / weights.sum().clamp(min=1e-6)


def identical_share(step: int, config: AdapterConfig) -> float:
    """Return the fraction of samples at this step whose target is the source itself."""
    first, last = config.identical
    progress = min(1.0, step / config.identical_steps) if config.identical_steps else 1.0
    return first + (last - first) * progress


def _by_kind(losses: Tensor, identical: Tensor) -> Metrics:
    """Return the mean losses of identical and of edited pairs, where the batch has any."""
    parts = {"loss_identical": losses[identical], "loss_edited": losses[~identical]}
    return {name: part.mean().item() for name, part in parts.items() if len(part)}


def _base(config: AdapterConfig) -> tuple[I2VModel, torch.dtype]:
    """Load the frozen model, and return the format in which its transformer is trained."""
    device, dtype = config.loop.device, base_dtype(config.base, config.loop)
    small = natural_dtype(model_folder(config.model), device) == torch.float32
    model = load_model(config.model, device, torch.float32 if small else dtype)
    if config.loop.offload:
        model.vae.to("cpu")
    return model, dtype


def _dataset(config: AdapterConfig, model: I2VModel) -> LatentDataset:
    """Open the latents; a folder of pairs is encoded first, by one process."""
    if not is_pairs(config.bank):
        return LatentDataset(config.bank)
    group = process_group(config.loop.device)
    with group.main_process_first(), awake(model.vae, model.device):
        size, frames, shown = config.size, config.frames, group.is_main_process
        latents = pair_latents(config.bank, model, size=size, frames=frames, progress=shown)
    return LatentDataset(latents)


def _adapt(model: I2VModel, config: AdapterConfig) -> AdapterSettings:
    """Put a fresh adapter, or the one to start from, into the model; it is trained in float32."""
    settings = AdapterSettings(
        config.rank, config.targets, config.layout, config.reference_offset, model.name
    )
    if config.start:
        _check_start(load_adapter(model.transformer, config.start), settings, model, config.start)
    else:
        add_adapter(model.transformer, settings, config.loop.seed)
    if config.loop.checkpointing:
        model.transformer.enable_gradient_checkpointing()
    return settings


def _check_start(
    found: AdapterSettings, wanted: AdapterSettings, model: I2VModel, start: Path
) -> None:
    """Raise ConfigError unless an adapter is of the kind to be trained, as it will be saved."""
    layers = [f".{name}" for name, _ in model.transformer.named_modules()]

    def differs(name: str) -> bool:
        ours, theirs = getattr(wanted, name), getattr(found, name)
        if name == "targets":  # endings or whole names, in any order: what counts is the layers
            ours, theirs = (
                [layer for layer in layers if layer.endswith(tuple(f".{t}" for t in targets))]
                for targets in (ours, theirs)
            )
        return bool(ours != theirs)

    names = [n for n in ("rank", "targets", "layout", "reference_offset") if differs(n)]
    if names:
        got, kept = (
            ", ".join(f"{name} = {str(getattr(settings, name))[:100]}" for name in names)
            for settings in (wanted, found)
        )
        raise ConfigError(f"{got} with start = {start}", kept, "set these, or leave out start")
