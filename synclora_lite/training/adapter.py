"""Recipe: an in-context adapter, on pairs of the same motion.

To be read top to bottom: load the base and the pairs, put an adapter in, and for every batch call
`core.training_loss`. The loop in `training.loop` does the rest. `training.ltx2` does the same with
an LTX-2, which has a loss of its own.
"""

from dataclasses import asdict
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from synclora_lite import core
from synclora_lite.errors import ConfigError
from synclora_lite.models import AdapterSettings, add_adapter, load_model, save_adapter
from synclora_lite.models.folders import model_folder, transformer_digest
from synclora_lite.models.precision import compute_dtype, natural_dtype
from synclora_lite.pairs.manifest import MANIFEST
from synclora_lite.training.bank import LatentDataset, shuffled_rows
from synclora_lite.training.config import AdapterConfig, Config, LTX2Config
from synclora_lite.training.loop import Metrics, Recipe
from synclora_lite.training.pair_latents import pair_latents
from synclora_lite.training.processes import process_group
from synclora_lite.training.validation import loss_by_level, sample_clips


def adapter_recipe(config: Config) -> Recipe:
    """Return the recipe that trains the adapter to take motion from the reference.

    Raises ConfigError if this machine has no such device, every pair is held back for validation,
    or a batch of LTX-2 holds clips of many sizes, ModelError if the model is missing or of another
    family, TrainingError if no pair is left after filtering.
    """
    process_group(config.loop.device)
    if isinstance(config, LTX2Config):
        from synclora_lite.training.ltx2 import LTX2Training  # imports its pipeline for seconds

        training: AdapterTraining | LTX2Training = LTX2Training(config)
    else:
        training = AdapterTraining(config)
    named = training.transformer.named_parameters()
    settings = {k: v for k, v in asdict(config).items() if k not in ("loop", "block_offload")}
    return Recipe(
        parameters={n: p for n, p in named if p.requires_grad},
        loss=training.loss,
        validate=training.validate if config.validation_clips else None,
        export=training.export,
        settings={**settings, "base_weights": transformer_digest(config.model)},
        pairs=lambda index: training.dataset.names(training.rows(index)),
    )


class AdapterTraining:
    """What a run on an LTX-Video works on: base, pairs, adapter, and what is drawn at random."""

    def __init__(self, config: AdapterConfig) -> None:
        self.config, loop = config, config.loop
        dtype = compute_dtype(config.base if config.base != "auto" else loop.precision, loop.device)
        small = natural_dtype(model_folder(config.model), loop.device) == torch.float32
        self.model = load_model(config.model, loop.device, torch.float32 if small else dtype)
        self.transformer = self.model.transformer
        if loop.offload:
            self.model.vae.to("cpu")
        self.dataset = self._dataset()
        torch.nn.Module.to(self.transformer, dtype)
        self.settings = AdapterSettings(config.rank, config.targets, config.layout, self.model.name)
        add_adapter(self.transformer, self.settings, loop.seed)
        if loop.checkpointing:
            self.transformer.enable_gradient_checkpointing()
        self.train_rows, self.held_rows = self.dataset.split(
            config.validation_clips, accepted=config.data == "filtered"
        )
        mu, tokens = config.flow.mu, self.dataset.shape[1:].numel()
        self.objective = core.Objective(
            mu=core.scheduler_shift(tokens, self.model.scheduler) if mu is None else mu,
            std=config.flow.std,
            uniform=config.flow.uniform,
            first_frame_probability=config.first_frame,
            reference_dropout=config.reference_dropout,
            huber=config.huber,
        )
        self.loss_of = torch.compile(core.training_loss) if loop.compile else core.training_loss

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
        conditioning = self.model.conditioning(target.shape[2:], source, config.layout)
        losses = self.loss_of(self.transformer, target, conditioning, generator, self.objective)
        weights = torch.ones_like(losses)
        if config.data == "weighted":
            weights = self.dataset.weight[rows].to(losses)
        found = losses.detach().cpu()
        kinds = {"loss_identical": found[identical], "loss_edited": found[~identical]}
        metrics = {name: part.mean().item() for name, part in kinds.items() if len(part)}
        return (losses * weights).sum() / weights.sum().clamp(min=1e-6), metrics

    def validate(self, step: int, out: Path) -> Metrics:
        """Return losses on pairs held back from training, and how clips made from them compare."""
        config = self.config
        source, edited = self.dataset.read(self.held_rows).to(config.loop.device).unbind(1)
        conditioning = self.model.conditioning(edited.shape[2:], source, config.layout)

        def held_loss(noise: Tensor, levels: Tensor) -> Float[Tensor, " batch"]:
            batch = core.in_context_batch(edited, noise, levels, conditioning)
            return core.flow_loss(self.transformer, batch)

        path, known = out / "samples" / f"step-{step:08d}.mp4", source[: config.samples]
        given = (self.model, edited[: config.samples], path, known, config.layout)
        return loss_by_level(held_loss, edited) | sample_clips(*given)

    def export(self, folder: Path) -> Path:
        """Write the adapter."""
        return save_adapter(self.transformer, self.settings, folder)

    def _dataset(self) -> LatentDataset:
        """Open the latents; a folder of pairs is encoded first."""
        config, model = self.config, self.model
        if (config.bank / MANIFEST).is_file():
            size = (config.frames, config.size, config.size)
            how = (lambda *_: size, f"{config.frames} frames of {config.size}", config.loop.device)
            dataset = pair_latents(config.bank, model.vae, model.frame_rate, *how)
        else:
            dataset = LatentDataset(config.bank)
        channels = self.transformer.config.in_channels
        if dataset.shape[0] != channels:
            what = f"{config.bank} holds latents of {dataset.shape[0]} channels"
            advice = "name the model whose autoencoder made them"
            raise ConfigError(what, f"{channels}, as {model.name} has", advice)
        return dataset


def identical_share(step: int, config: AdapterConfig) -> float:
    """Return the fraction of samples at this step whose target is the source itself."""
    first, last = config.identical
    progress = min(1.0, step / config.identical_steps) if config.identical_steps else 1.0
    return first + (last - first) * progress
