"""Memory and time of LTX-2.3, before tens of gigabytes are downloaded: an edit, or a training step.

As `estimate` does it: the stock transformer runs on the meta device, reference and target in one
sequence, while every buffer is counted. An edit is the stock pipeline's step, with the sound it
always makes; training is the step of the recipe `ltx-2` itself.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from diffusers import AutoencoderKLLTX2Video, LTX2VideoTransformer3DModel
from diffusers.pipelines.ltx2 import LTX2TextConnectors
from peft import LoraConfig

from synclora_lite.models.latents import legal_size
from synclora_lite.models.ltx2_sizes import CONNECTORS_23, TRANSFORMER_23
from synclora_lite.training.config import LTX2Config
from synclora_lite.training.estimate import (
    RUNTIME,
    SHALLOW,
    Estimate,
    Job,
    byte_count,
    trained_memory,
)
from synclora_lite.training.frozen import quantise_blocks
from synclora_lite.training.ltx2 import Context, ltx2_loss
from synclora_lite.training.metering import count_operations, peak_memory

NAME = "ltx-2.3"
LAYERS, CAPTION_TOKENS = 48, 1024
FRAME_RATE, SOUND_RATE = 25.0, 25.0  # frames, and latents of the sound, a second
RATIO, SIDE = 8, 32  # frames and pixels of a latent
Sizes = dict[str, Any]


def estimate_ltx2(job: Job, sizes: Sizes = TRANSFORMER_23, layers: int = LAYERS) -> Estimate:
    """Estimate one step: an edit with all parts on the card, or training as the recipe places it.

    Args:
        job: What is run; `quantise` and `block_offload` are for training.
        sizes: Settings of the transformer.
        layers: Its number of blocks.

    """
    measure = _training if job.training else _editing
    low, high = (measure(_transformer(sizes, depth, job), job) for depth in SHALLOW)

    def follow(a: int | float, b: int | float) -> float:
        return a + (b - a) * (layers - SHALLOW[0]) / (SHALLOW[1] - SHALLOW[0])

    frames, rows, columns = _latents(job)
    return Estimate(
        {part: follow(low.memory[part], high.memory[part]) for part in low.memory},
        follow(low.operations, high.operations),
        2 * frames * rows * columns,
        {n: round(follow(low.parameters[n], high.parameters[n])) for n in low.parameters},
    )


def advice_ltx2(found: Estimate, gigabytes: float) -> list[str]:
    """Return what may wait in main memory during an edit, with the peak it leads to.

    `synclora edit` chooses among these by itself, by what the card has free.
    """
    memory = found.memory
    sampling = memory["transformer"] + memory["sampling"]
    decoding = memory["autoencoder"] + memory["decoding"]
    layer = memory["transformer"] / LAYERS
    peaks = {
        "parts wait in main memory": max(sampling, decoding, memory["connectors"]),
        "layers wait in main memory (slow)": max(layer + memory["sampling"], decoding),
    }
    lines: list[str] = []
    for name, working in peaks.items():
        peak = (working + RUNTIME) / 1e9
        lines.append(f"{name}: {peak:.1f} GB{', fits' if peak <= gigabytes else ''}")
        if peak <= gigabytes:
            break
    return lines


def advice_training(job: Job, gigabytes: float | int) -> list[str]:
    """Return what would make a training of LTX-2.3 fit a card, with the peak it leads to.

    The names are settings of a run's configuration; the last line is the first change that is
    enough, if there is one.
    """
    smaller, pixels, frames = max(1, job.rank // 4), job.size * 3 // 4, job.frames * 3 // 5
    changes: dict[str, dict[str, Any]] = {
        "checkpointing = true": {"checkpointing": True},
        'quantise = "int8"': {"quantise": "int8"},
        'optimizer = "adamw8bit"': {"eight_bit": True},
        "block_offload = true": {"block_offload": True},
        f"rank = {smaller}": {"rank": smaller},
        f"side = {pixels}": {"size": pixels},
        f"frames = {frames}": {"frames": frames},
    }
    lines: list[str] = []
    for name, change in changes.items():
        if all(getattr(job, key) == value for key, value in change.items()):
            continue
        job = replace(job, **change)
        peak = estimate_ltx2(job).peak / 1e9
        fits = ", fits" if peak <= gigabytes else ""
        lines.append(f"{'and ' if lines else ''}{name}: {peak:.1f} GB{fits}")
        if fits:
            break
    return lines


def _editing(model: LTX2VideoTransformer3DModel, job: Job) -> Estimate:
    dtype = getattr(torch, job.precision)
    with torch.device("meta"):
        vae = torch.nn.Module.to(AutoencoderKLLTX2Video(), dtype)
        connectors = torch.nn.Module.to(LTX2TextConnectors(**CONNECTORS_23), dtype)
    step = _sampling_step(model, job, dtype)
    memory = {
        "runtime": RUNTIME,
        "transformer": byte_count(model),
        "connectors": byte_count(connectors),
        "autoencoder": byte_count(vae),
        "sampling": peak_memory(step),
        "decoding": peak_memory(_decoding(vae, job, dtype)),
    }
    numbers = {"transformer": _count(model), "connectors": _count(connectors)}
    return Estimate(memory, count_operations(step), 0, numbers)


def _training(model: LTX2VideoTransformer3DModel, job: Job) -> Estimate:
    """Estimate the step of the recipe, whose other parts wait in main memory."""
    numbers = _count(model)
    model.requires_grad_(requires_grad=False)
    if job.quantise == "int8":
        quantise_blocks(model)
    frozen, block = byte_count(model), byte_count(model.transformer_blocks[0])
    targets: list[str] = [*LTX2Config.targets]
    model.add_adapter(LoraConfig(r=job.rank, lora_alpha=job.rank, target_modules=targets))
    trained = [p for p in model.parameters() if p.requires_grad]
    for parameter in trained:  # as autocast uses them
        parameter.data = parameter.data.to(getattr(torch, job.precision))
    if job.checkpointing or job.block_offload:
        model.enable_gradient_checkpointing()
    adapter = sum(p.numel() for p in trained)
    step = _training_step(model, job)
    waiting = len(model.transformer_blocks) * block if job.block_offload else 0.0
    memory = {"runtime": RUNTIME, "transformer": frozen - waiting}
    if job.block_offload:
        memory["block at work"] = block
    memory |= trained_memory(adapter, job)
    memory["activations"] = peak_memory(step)
    found = {"transformer": numbers, "adapter": adapter}
    return Estimate(memory, count_operations(step), 0, found)


def _transformer(sizes: Sizes, layers: int, job: Job) -> LTX2VideoTransformer3DModel:
    with torch.device("meta"):
        model = LTX2VideoTransformer3DModel(**{**sizes, "num_layers": layers})
    return torch.nn.Module.to(model, getattr(torch, job.precision))


def _latents(job: Job) -> tuple[int, int, int]:
    """Return latent frames, rows and columns of the clip."""
    frames, height, width = legal_size((job.frames, job.size, job.size), RATIO, SIDE)
    return (frames - 1) // RATIO + 1, height // SIDE, width // SIDE


def _training_step(model: LTX2VideoTransformer3DModel, job: Job) -> Callable[[], None]:
    """Return one pass forward and backward of the recipe's own loss."""
    dtype, config = getattr(torch, job.precision), model.config

    def empty(*shape: int, kind: torch.dtype = torch.float32) -> torch.Tensor:
        return torch.empty(*shape, device="meta", dtype=kind)

    context = Context(
        empty(1, CAPTION_TOKENS, config.cross_attention_dim, kind=dtype),
        empty(1, CAPTION_TOKENS, config.audio_cross_attention_dim, kind=dtype),
        empty(1, CAPTION_TOKENS, kind=dtype),
    )
    shape = (job.batch, config.in_channels, *_latents(job))
    target, reference, noise = empty(*shape), empty(*shape), empty(*shape)

    def step() -> None:
        given = torch.ones(job.batch, dtype=torch.bool, device="meta")
        loss = ltx2_loss(
            model, context, FRAME_RATE, target, reference, noise, empty(job.batch), given
        )
        loss.mean().backward()
        model.zero_grad(set_to_none=True)

    return step


def _sampling_step(
    model: LTX2VideoTransformer3DModel, job: Job, dtype: torch.dtype
) -> Callable[[], object]:
    """Return one pass of the transformer over reference and target."""
    frames, rows, columns = _latents(job)
    tokens, sound = 2 * frames * rows * columns, round(job.frames / FRAME_RATE * SOUND_RATE)
    config = model.config

    def empty(*shape: int, kind: torch.dtype = dtype) -> torch.Tensor:
        return torch.empty(*shape, device="meta", dtype=kind)

    @torch.no_grad()
    def step() -> None:
        model(
            hidden_states=empty(1, tokens, config.in_channels),
            audio_hidden_states=empty(1, sound, config.audio_in_channels),
            encoder_hidden_states=empty(1, CAPTION_TOKENS, config.cross_attention_dim),
            audio_encoder_hidden_states=empty(1, CAPTION_TOKENS, config.audio_cross_attention_dim),
            timestep=empty(1, tokens, kind=torch.float32),
            audio_timestep=empty(1, kind=torch.float32),
            sigma=empty(1, kind=torch.float32),
            audio_sigma=empty(1, kind=torch.float32),
            num_frames=frames,
            height=rows,
            width=columns,
            fps=FRAME_RATE,
            audio_num_frames=sound,
            video_coords=empty(1, 3, tokens, 2, kind=torch.float32),
            audio_coords=empty(1, 1, sound, 2, kind=torch.float32),
            use_cross_timestep=True,
            return_dict=False,
        )

    return step


def _decoding(vae: AutoencoderKLLTX2Video, job: Job, dtype: torch.dtype) -> Callable[[], object]:
    latents = torch.empty(1, vae.config.latent_channels, *_latents(job), device="meta", dtype=dtype)
    return lambda: torch.no_grad()(vae.decode)(latents)


def _count(part: torch.nn.Module) -> int:
    return sum(p.numel() for p in part.parameters())
