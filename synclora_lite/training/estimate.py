"""Memory and time before anything is loaded: the real step, run on tensors without data.

On torch's meta device a model of billions has shapes and no memory. The training step or the
sampling step runs there as it would on a GPU, while every buffer that lives is counted.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXVideoTransformer3DModel,
)
from safetensors import safe_open

from synclora_lite.core import (
    ReferenceCache,
    flow_loss,
    in_context_batch,
    pack,
    predict_velocity,
    reference_cache,
)
from synclora_lite.errors import ModelError
from synclora_lite.files import read_json
from synclora_lite.models import AdapterSettings, I2VModel, add_adapter
from synclora_lite.models.folders import CAPTION, is_ltx2, model_folder
from synclora_lite.models.latents import legal_size
from synclora_lite.models.loading import check_config
from synclora_lite.training.metering import count_operations, peak_memory

KNOWN: dict[str, dict[str, Any]] = {
    "ltx-video-2b": {},
    "ltx-video-13b": {"num_layers": 48, "attention_head_dim": 128, "cross_attention_dim": 4096},
}
SHALLOW = (2, 3)  # blocks of the transformers that are measured
RUNTIME = 0.8e9  # bytes that CUDA and its libraries take for themselves
BLOCK = 256  # numbers of a moment in 8 bits that share a scale (bitsandbytes)
UTILISATION = 0.4  # of a card's peak rate, reached by large matrix products in practice


@dataclass(frozen=True)
class Job:
    """What is to be run.

    Attributes:
        model: A name of `KNOWN`, "lite", or a folder.
        frames: Pixel frames; rounded up to a legal number.
        size: Side of the square clip in pixels; rounded up likewise.
        rank: Of the adapter.
        batch: Clips at once.
        checkpointing: Recompute the activations of every block instead of keeping them.
        eight_bit: Keep the optimiser's moments in 8 bits.
        offload: The autoencoder waits in main memory.
        precision: Of the frozen weights and of matrix products.
        quantise: "int8" keeps the frozen linear layers in 8 bits; LTX-2.3 only.
        block_offload: Frozen blocks wait in main memory; LTX-2.3 only.
        training: A training step; otherwise the editing of one clip with a reference cache.

    """

    model: str = "ltx-video-2b"
    frames: int = 81
    size: int = 512
    rank: int = 128
    batch: int = 1
    checkpointing: bool = False
    eight_bit: bool = False
    offload: bool = False
    precision: Literal["bfloat16", "float16", "float32"] = "bfloat16"
    quantise: Literal["none", "int8"] = "none"
    block_offload: bool = False
    training: bool = True


@dataclass(frozen=True)
class Configs:
    """What defines the sizes of a model."""

    vae: dict[str, Any]
    transformer: dict[str, Any]
    caption_tokens: int = 6  # "3d1t" in the tokens of a T5


@dataclass(frozen=True)
class Estimate:
    """Bytes by part, and floating-point operations of one step.

    Attributes:
        memory: Bytes by part. "sampling" and "decoding" come one after the other.
        operations: Of one training step, or of one sampling step.
        tokens: Reference and target tokens of one clip.
        parameters: Of the transformer and of the adapter.

    """

    memory: dict[str, float]
    operations: float
    tokens: int
    parameters: dict[str, int]

    @property
    def peak(self) -> float:
        """What is there at the same time, in bytes."""
        spare = min(self.memory.get("sampling", 0.0), self.memory.get("decoding", 0.0))
        return sum(self.memory.values()) - spare

    def seconds(self, teraflops: float) -> float:
        """Return the time of a step on a card with that peak rate, at the usual utilisation."""
        return self.operations / (teraflops * 1e12 * UTILISATION)


def estimate(job: Job) -> Estimate:
    """Estimate one step of a job; the adapter that is trained is in float32.

    All blocks are alike, so a transformer of two and one of three are measured and the line
    through both is followed to the model's depth.

    Raises:
        ModelError: The model is not known.

    """
    return measure(model_configs(job.model), job)


def measure(configs: Configs, job: Job) -> Estimate:
    """Estimate one step of a job on a model of such configurations; see `estimate`."""
    dtype = getattr(torch, job.precision)
    depth = configs.transformer["num_layers"]
    if depth <= SHALLOW[1]:
        return _measure(meta_model(configs, dtype), job)
    low, high = (_measure(meta_model(configs, dtype, layers), job) for layers in SHALLOW)

    def follow(a: int | float, b: int | float) -> float:
        return a + (b - a) * (depth - SHALLOW[0]) / (SHALLOW[1] - SHALLOW[0])

    return Estimate(
        {part: follow(low.memory[part], high.memory[part]) for part in low.memory},
        follow(low.operations, high.operations),
        low.tokens,
        {n: round(follow(low.parameters[n], high.parameters[n])) for n in low.parameters},
    )


def _measure(model: I2VModel, job: Job) -> Estimate:
    memory = {"runtime": RUNTIME, "transformer": byte_count(model.transformer)}
    parameters = {"transformer": _count(model.transformer.parameters())}
    shape = _latent_shape(model, job)
    if job.training:
        step = _training_step(model, shape)
        trained = add_adapter(model.transformer, AdapterSettings(job.rank, base=job.model))
        for parameter in trained:  # as autocast uses them: they are kept in float32
            parameter.data = parameter.data.to(model.transformer.dtype)
        model.transformer.gradient_checkpointing = job.checkpointing
        parameters["adapter"] = _count(trained)
        memory |= trained_memory(parameters["adapter"], job)
        memory["autoencoder"] = 0.0 if job.offload else byte_count(model.vae)
        memory["activations"] = peak_memory(step)
    else:
        memory["autoencoder"] = 0.0 if job.offload else byte_count(model.vae)
        cache = _cache(model, shape)
        kept = [t for pair in (cache.keys, cache.values) for t in pair]
        memory["reference cache"] = float(sum(t.numel() * t.element_size() for t in kept))
        step = _sampling_step(model, shape, cache)
        memory["sampling"] = peak_memory(step)
        memory["decoding"] = peak_memory(lambda: _decode(model, shape))
    operations = count_operations(step)
    return Estimate(memory, operations, 2 * shape[2] * shape[3] * shape[4], parameters)


def trained_memory(parameters: int, job: Job) -> dict[str, float]:
    """Return the bytes of a float32 adapter of so many parameters, and of what belongs to it."""
    moments = 2 * (1 + 4 / BLOCK) if job.eight_bit else 8
    half = job.precision != "float32"
    return {
        "adapter": (4.0 + 2.0 * half) * parameters,  # autocast keeps a copy in half precision
        "gradients": 4.0 * parameters,
        "optimiser": moments * parameters,
    }


def advice(job: Job, gigabytes: float) -> list[str]:
    """Return what would make a job that does not fit a card smaller, with the peak it leads to.

    For training these are the settings of a run's configuration. The last line is the first
    change that is enough, if there is one.
    """
    smaller, pixels, frames = max(1, job.rank // 4), job.size * 3 // 4, job.frames // 2
    changes: dict[str, dict[str, Any]] = {
        "checkpointing = true": {"checkpointing": True},
        'optimizer = "adamw8bit"': {"eight_bit": True},
        "offload = true": {"offload": True},
        f"rank = {smaller}": {"rank": smaller},
        f"size = {pixels}": {"size": pixels},
    }
    if not job.training:
        changes = {f"{pixels} pixels": {"size": pixels}, f"{frames} frames": {"frames": frames}}
    lines: list[str] = []
    for name, change in changes.items():
        job = replace(job, **change)
        peak = estimate(job).peak / 1e9
        fits = ", fits" if peak <= gigabytes else ""
        lines.append(f"{'and ' if lines else ''}{name}: {peak:.1f} GB{fits}")
        if fits:
            break
    return lines


def model_configs(name: str) -> Configs:
    """Return a model's configurations; nothing else of it is loaded.

    Raises:
        ModelError: The model is not known, of another family, or its configuration is broken.

    """
    if name in KNOWN:
        return Configs({}, {**_whole({"num_layers": 1}), "num_layers": 28, **KNOWN[name]})
    folder = model_folder(name)
    if is_ltx2(name):
        advice = "say --model ltx-2.3 for the size of an LTX-2.3"
        raise ModelError(f"{name} is an LTX-2 model", "one of the LTX-Video family", advice)
    vae, transformer = (read_json(folder / part / "config.json") for part in ("vae", "transformer"))
    for config in (vae, transformer):
        check_config(config, folder)
    try:
        transformer = _whole(transformer)
        with torch.device("meta"):
            AutoencoderKLLTXVideo.from_config(vae)
    except (
        TypeError,
        ValueError,
        LookupError,
        AttributeError,
        RuntimeError,
        ArithmeticError,
    ) as error:
        raise ModelError(
            f"{folder} describes no model ({str(error)[:100]})",
            "config.json as diffusers writes it",
        ) from error
    if not (folder / CAPTION).exists():
        return Configs(vae, transformer)
    with safe_open(folder / CAPTION, framework="pt") as file:
        return Configs(vae, transformer, file.get_slice("caption").get_shape()[1])


def _whole(transformer: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of a transformer with what it leaves to diffusers' defaults."""
    with torch.device("meta"):
        whole = dict(LTXVideoTransformer3DModel.from_config(transformer).config)
    whole.pop("_use_default_values", None)  # else `from_config` would drop what is set later
    return whole


def meta_model(configs: Configs, dtype: torch.dtype, layers: int | None = None) -> I2VModel:
    """Return a model that has shapes and no weights, with so many blocks if that is given."""
    depth = {"num_layers": layers or configs.transformer["num_layers"]}
    with torch.device("meta"):
        vae = torch.nn.Module.to(AutoencoderKLLTXVideo.from_config(configs.vae), dtype)
        transformer = LTXVideoTransformer3DModel.from_config({**configs.transformer, **depth})
        torch.nn.Module.to(transformer, dtype)
        channels = transformer.config.caption_channels
        caption = torch.empty(1, configs.caption_tokens, channels, dtype=dtype)
    return I2VModel(vae, transformer, FlowMatchEulerDiscreteScheduler(), caption, 25.0)


def _latent_shape(model: I2VModel, job: Job) -> tuple[int, int, int, int, int]:
    frames, height, width = legal_size(
        (job.frames, job.size, job.size), model.temporal_ratio, model.spatial_ratio
    )
    latent_frames = (frames - 1) // model.temporal_ratio + 1
    side = (height // model.spatial_ratio, width // model.spatial_ratio)
    return job.batch, model.vae.config.latent_channels, latent_frames, *side


def _training_step(model: I2VModel, shape: tuple[int, ...]) -> Callable[[], None]:
    """Return one pass forward and backward, reference and target in context."""

    def step() -> None:
        latents = torch.empty(shape, device="meta", dtype=model.caption.dtype)
        sigmas = torch.empty(shape[0], device="meta", dtype=latents.dtype)
        conditioning = model.conditioning(shape[2:], latents)
        batch = in_context_batch(latents, latents, sigmas, conditioning)
        flow_loss(model.transformer, batch).mean().backward()
        model.transformer.zero_grad(set_to_none=True)

    return step


@torch.no_grad()
def _cache(model: I2VModel, shape: tuple[int, ...]) -> ReferenceCache:
    tokens = pack(torch.empty(shape, device="meta", dtype=model.caption.dtype))
    place = model.coordinates(*shape[2:])
    return reference_cache(model.transformer, tokens, model.caption, place)


def _sampling_step(
    model: I2VModel, shape: tuple[int, ...], cache: ReferenceCache
) -> Callable[[], None]:
    """Return one velocity of the target, beside the cached keys and values of the reference."""
    tokens = pack(torch.empty(shape, device="meta", dtype=model.caption.dtype))
    place = model.coordinates(*shape[2:])
    sigmas = torch.empty(shape[0], shape[2], device="meta", dtype=tokens.dtype)

    @torch.no_grad()
    def step() -> None:
        predict_velocity(model.transformer, tokens, sigmas, model.caption, place, cache=cache)

    return step


@torch.no_grad()
def _decode(model: I2VModel, shape: tuple[int, ...]) -> None:
    latents = torch.empty(shape, device="meta", dtype=model.caption.dtype)
    clean = latents.new_empty(shape[0]) if model.vae.config.timestep_conditioning else None
    model.vae.decode(latents, clean)


def byte_count(module: torch.nn.Module) -> float:
    """Return the bytes of a module's weights."""
    return float(sum(p.numel() * p.element_size() for p in module.parameters()))


def _count(parameters: Any) -> int:
    return sum(p.numel() for p in parameters)
