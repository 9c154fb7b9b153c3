"""Recipe: the in-context adapter, on pairs of the same motion."""

from dataclasses import asdict
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from synclora_lite.errors import ConfigError, TrainingError
from synclora_lite.i2v import I2VModel, load_model, sample_sigmas, scheduler_shift
from synclora_lite.i2v.folders import model_folder, stored_sha256, weights_digest
from synclora_lite.i2v.precision import awake, natural_dtype
from synclora_lite.incontext import (
    AdapterSettings,
    add_adapter,
    assemble,
    flow_loss,
    load_adapter,
    save_adapter,
)
from synclora_lite.training.bank import LatentBank, shuffled_rows, split_rows
from synclora_lite.training.config import AdapterConfig, FlowConfig
from synclora_lite.training.loop import Recipe
from synclora_lite.training.pair_latents import is_pairs, pair_latents
from synclora_lite.training.precision import base_dtype
from synclora_lite.training.team import join
from synclora_lite.training.validation import loss_by_level, sample_clips

Latents = Float[Tensor, "batch channels frames height width"]


def adapter_recipe(config: AdapterConfig) -> Recipe:
    """Return the recipe that trains the adapter to take motion from the reference.

    Raises:
        ConfigError: This machine has no such device, the adapter to start from is of another kind,
            or every pair is held back for validation.
        TrainingError: No pair is left after filtering.

    """
    join(config.loop.device)
    model = _base(config)
    bank = _bank(config, model)
    settings = _adapt(model, config)
    train_rows, held_rows = split_rows(torch.arange(len(bank)), config.validation_clips)
    if config.data == "filtered":
        train_rows = train_rows[bank.accepted[train_rows]]
    if not len(train_rows):
        raise TrainingError(f"no pair of {config.bank} is accepted", "pairs to train on")
    device, seed = config.loop.device, config.loop.seed
    loss_of = torch.compile(flow_loss) if config.loop.compile else flow_loss

    def rows_of(index: int) -> Tensor:
        return shuffled_rows(train_rows, config.loop.batch, index, seed)

    def loss(index: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        rows = rows_of(index)
        source, edited = bank.read(rows).unbind(1)
        share = identical_share(index // config.loop.accumulate, config)
        identical = torch.rand(len(rows), generator=generator) < share
        target = torch.where(identical.view(-1, 1, 1, 1, 1), source, edited).to(device)
        sigmas, noise = draw_noise(model, target, generator, config.flow)
        given = torch.rand(len(rows), generator=generator) < config.first_frame
        dropped = torch.rand((), generator=generator).item() < config.reference_dropout
        sequence = assemble(
            model,
            target,
            noise,
            sigmas,
            reference=None if dropped else source.to(device),
            reference_offset=config.reference_offset,
            first_frame_given=given.to(device),
        )
        losses = loss_of(model, sequence, config.layout)
        return _weighted(losses, bank, rows, config), _parts(losses.detach().cpu(), identical)

    def validate(step: int, out: Path) -> dict[str, float]:
        source, edited = bank.read(held_rows).to(device).unbind(1)

        def held_loss(noise: Tensor, levels: Tensor) -> Tensor:
            place = config.reference_offset
            sequence = assemble(
                model, edited, noise, levels, reference=source, reference_offset=place
            )
            return flow_loss(model, sequence, config.layout)

        numbers = loss_by_level(held_loss, edited)
        return numbers | sample_clips(
            model,
            edited[: config.samples],
            out / "samples" / f"step-{step:08d}.mp4",
            reference=source[: config.samples],
            reference_offset=config.reference_offset,
            cached=config.layout == "reference-self",
        )

    return Recipe(
        parameters={n: p for n, p in model.transformer.named_parameters() if p.requires_grad},
        loss=loss,
        validate=validate if config.validation_clips else None,
        export=lambda folder: save_adapter(model.transformer, settings, folder),
        settings={k: v for k, v in asdict(config).items() if k != "loop"}
        | {"base_weights": _base_digest(config.model)},
        pairs=lambda index: bank.names(rows_of(index)),
    )


def _base_digest(model: str | Path) -> str:
    """Return a hash of the frozen transformer: a run goes on with the one it began with."""
    files = (model_folder(model) / "transformer").glob("*.safetensors")
    return weights_digest({file.name: stored_sha256(file) for file in files})


def _base(config: AdapterConfig) -> I2VModel:
    """Load the frozen model, in half precision if it is large, the autoencoder aside if asked."""
    device = config.loop.device
    folder = model_folder(config.model)
    dtype = base_dtype(config.base, config.loop, natural_dtype(folder, device))
    model = load_model(config.model, device, dtype)
    if config.loop.offload:
        model.vae.to("cpu")
    return model


def _adapt(model: I2VModel, config: AdapterConfig) -> AdapterSettings:
    """Put a fresh adapter, or the one to start from, into the model; it is trained in float32."""
    settings = AdapterSettings(
        config.rank, config.targets, config.layout, config.reference_offset, model.name
    )
    if config.start:
        _check_start(load_adapter(model.transformer, config.start), settings, model, config.start)
    else:
        add_adapter(model.transformer, settings, config.loop.seed)
    for parameter in model.transformer.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
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


def _bank(config: AdapterConfig, model: I2VModel) -> LatentBank:
    """Open the bank of latents; a folder of pairs is encoded first, by one process."""
    if not is_pairs(config.bank):
        return LatentBank(config.bank)
    team = join(config.loop.device)
    with team.leader_first(), awake(model.vae, model.device):
        size, frames = config.size, config.frames
        latents = pair_latents(config.bank, model, size=size, frames=frames, progress=team.leads)
    return LatentBank(latents)


def identical_share(step: int, config: AdapterConfig) -> float:
    """Return the fraction of samples at this step whose target is the source itself."""
    first, last = config.identical
    progress = min(1.0, step / config.identical_steps) if config.identical_steps else 1.0
    return first + (last - first) * progress


def _weighted(losses: Tensor, bank: LatentBank, rows: Tensor, config: AdapterConfig) -> Tensor:
    if config.data != "weighted":
        return losses.mean()
    weights = bank.weight[rows].to(losses)
    return (losses * weights).sum() / weights.sum().clamp(min=1e-6)


def _parts(losses: Tensor, identical: Tensor) -> dict[str, float]:
    """Return the mean losses of identical and of edited pairs, where the batch has any."""
    parts = {"loss_identical": losses[identical], "loss_edited": losses[~identical]}
    return {name: part.mean().item() for name, part in parts.items() if len(part)}


def draw_noise(
    model: I2VModel, latents: Latents, generator: torch.Generator, flow: FlowConfig
) -> tuple[Float[Tensor, " batch"], Latents]:
    """Return one noise level per clip, and noise."""
    tokens = latents[0, 0].numel()
    mu = scheduler_shift(tokens, model.scheduler) if flow.mu is None else flow.mu
    sigmas = sample_sigmas(len(latents), generator, mu=mu, std=flow.std, uniform=flow.uniform)
    noise = torch.randn(latents.shape, generator=generator)
    return sigmas.to(latents.device), noise.to(latents.device)
