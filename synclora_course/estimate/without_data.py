"""Models that have shapes and no data: their sizes, and the steps that a job runs on them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from math import prod
from typing import Any, Literal

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXVideoTransformer3DModel,
)
from safetensors import safe_open

from synclora_lite.core import flow_loss, in_context_batch, pack, predict_velocity, reference_cache
from synclora_lite.errors import ModelError
from synclora_lite.files import read_json
from synclora_lite.models import AdapterSettings, I2VModel
from synclora_lite.models.captions import CAPTION
from synclora_lite.models.folders import is_ltx2, model_folder
from synclora_lite.models.latents import legal_size
from synclora_lite.models.model import SIZES, check_config, part_class
from synclora_lite.training.config import LTX2Config

KNOWN: dict[str, dict[str, Any]] = {
    "ltx-video-2b": {},
    "ltx-video-13b": {"num_layers": 48, "attention_head_dim": 128, "cross_attention_dim": 4096},
}
LTX2 = "ltx-2.3"
FRAME_RATE = SOUND_RATE = 25.0  # frames, and latents of the sound, a second


@dataclass(frozen=True)
class Job:
    """What is to be run: a training step, or the editing of one clip."""

    model: str = "ltx-video-2b"  # a name of KNOWN, "ltx-2.3", "lite", or a folder
    frames: int = 81  # of a clip; rounded up to a legal number
    size: int = 512  # side of the square clip in pixels; likewise
    rank: int = 128  # of the adapter
    batch: int = 1  # clips at once
    checkpointing: bool = False  # recompute the activations of every block
    eight_bit: bool = False  # the optimiser's moments
    offload: bool = False  # the autoencoder waits in main memory
    precision: Literal["bfloat16", "float16", "float32"] = "bfloat16"  # of weights and products
    quantise: Literal["none", "int8"] = "none"  # the frozen linear layers; LTX-2.3 only
    block_offload: bool = False  # frozen blocks wait in main memory; LTX-2.3 only
    training: bool = True


@dataclass(frozen=True)
class Configs:
    """What defines the sizes of a model; an empty `vae` is one of diffusers' default sizes."""

    vae: dict[str, Any]
    transformer: dict[str, Any]
    caption_tokens: int = 6  # "3d1t" in the tokens of a T5
    ltx2: bool = False


@dataclass(frozen=True)
class Parts:
    """A model on the meta device, and what a job runs on it."""

    transformer: Any
    step: Callable[[], object]  # forward and backward, or one sampling step
    decode: Callable[[], object]
    targets: tuple[str, ...]  # layers that the adapter changes
    tokens: int
    beside: dict[str, float] = field(default_factory=dict)  # bytes of the other parts on the card


def model_configs(name: str) -> Configs:
    """Return a model's configurations; nothing else of it is loaded.

    Raises ModelError if it is not known, of another family, or its configuration is broken.
    """
    if name == LTX2:
        sizes = {**SIZES[LTX2]["transformer"], "num_layers": 48}
        return Configs({}, sizes, caption_tokens=1024, ltx2=True)
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
            part_class(vae, AutoencoderKLLTXVideo).from_config(vae)
    except (TypeError, ValueError, LookupError, AttributeError, RuntimeError, ArithmeticError) as e:
        what = f"{folder} describes no model ({str(e)[:100]})"
        raise ModelError(what, "config.json as diffusers writes it") from e
    if not (folder / CAPTION).exists():
        return Configs(vae, transformer)
    with safe_open(folder / CAPTION, framework="pt") as file:
        return Configs(vae, transformer, file.get_slice("caption").get_shape()[1])


def _whole(transformer: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of a transformer with what it leaves to diffusers' defaults."""
    with torch.device("meta"):
        kind = part_class(transformer, LTXVideoTransformer3DModel)
        whole = {**kind.from_config(transformer).config, "_class_name": kind.__name__}
    whole.pop("_use_default_values", None)  # else `from_config` would drop what is set later
    return whole


def ltx_video_parts(configs: Configs, job: Job, layers: int) -> Parts:
    """Return an LTX-Video of so many blocks, for the recipe's step or beside a cached reference."""
    dtype = getattr(torch, job.precision)
    with torch.device("meta"):
        kind = part_class(configs.vae, AutoencoderKLLTXVideo)
        vae = torch.nn.Module.to(kind.from_config(configs.vae), dtype)
        sizes = {**configs.transformer, "num_layers": layers}
        network = part_class(sizes, LTXVideoTransformer3DModel).from_config(sizes)
        transformer = torch.nn.Module.to(network, dtype)
        channels = transformer.config.caption_channels
        caption = torch.empty(1, configs.caption_tokens, channels, dtype=dtype)
    model = I2VModel(vae, transformer, FlowMatchEulerDiscreteScheduler(), caption, 25.0)
    size = _latent_size(job, model.temporal_ratio, model.spatial_ratio)
    shape = (job.batch, vae.config.latent_channels, *size)
    beside = {"autoencoder": 0.0 if job.offload else byte_count(vae)}
    latents, sigmas = caption.new_empty(shape), caption.new_empty(job.batch)
    if job.training:
        told = model.conditioning(size, latents)
        batch = partial(in_context_batch, latents, latents, sigmas, told)
        step = partial(_train, transformer, lambda: flow_loss(transformer, batch()))
        return Parts(transformer, step, step, AdapterSettings().targets, 2 * prod(size), beside)
    tokens, place = pack(latents), model.coordinates(*size)
    with torch.no_grad():
        cache = reference_cache(transformer, tokens, caption, place)
    kept = [*cache.keys, *cache.values]
    beside["reference cache"] = float(sum(t.numel() * t.element_size() for t in kept))
    seen = (transformer, tokens, caption.new_empty(job.batch, size[0]), caption, place)
    sample = partial(torch.no_grad()(predict_velocity), *seen, cache=cache)
    clean = sigmas if vae.config.timestep_conditioning else None
    decode = partial(torch.no_grad()(vae.decode), latents, clean)
    return Parts(transformer, sample, decode, (), 2 * prod(size), beside)


def _train(transformer: Any, losses: Callable[[], torch.Tensor]) -> None:
    """Pass forward and backward."""
    losses().mean().backward()
    transformer.zero_grad(set_to_none=True)


def ltx2_parts(configs: Configs, job: Job, layers: int) -> Parts:
    """Return an LTX-2.3 of so many blocks, for the recipe's step or the stock pipeline's."""
    from diffusers import AutoencoderKLLTX2Video, LTX2VideoTransformer3DModel
    from diffusers.pipelines.ltx2 import LTX2TextConnectors

    from synclora_lite.training.ltx2 import Context, ltx2_loss

    dtype, words = getattr(torch, job.precision), configs.caption_tokens
    with torch.device("meta"):
        sizes = {**configs.transformer, "num_layers": layers}
        transformer = torch.nn.Module.to(LTX2VideoTransformer3DModel(**sizes), dtype)
        vae = torch.nn.Module.to(AutoencoderKLLTX2Video(), dtype)
        connectors = torch.nn.Module.to(LTX2TextConnectors(**SIZES[LTX2]["connectors"]), dtype)
        config, mask = transformer.config, torch.empty(1, words, dtype=dtype)
        video = torch.empty(1, words, config.cross_attention_dim, dtype=dtype)
        audio = torch.empty(1, words, config.audio_cross_attention_dim, dtype=dtype)
        context = Context(video, audio, mask)
    size = _latent_size(job, 8, 32)
    if job.training:  # all other parts wait in main memory
        clip = torch.empty(job.batch, config.in_channels, *size, device="meta")
        drawn = (clip, clip, clip, clip.new_empty(job.batch), clip.new_ones(job.batch).bool())
        losses = partial(ltx2_loss, transformer, context, FRAME_RATE, *drawn)
        step = partial(_train, transformer, losses)
        return Parts(transformer, step, step, LTX2Config.targets, 2 * prod(size))
    latents = mask.new_empty(1, vae.config.latent_channels, *size)
    decode = partial(torch.no_grad()(vae.decode), latents)
    step = partial(_sample_ltx2, transformer, context, size, job.frames)
    beside = {"connectors": byte_count(connectors), "autoencoder": byte_count(vae)}
    return Parts(transformer, step, decode, (), 2 * prod(size), beside)


@torch.no_grad()
def _sample_ltx2(transformer: Any, context: Any, size: tuple[int, int, int], frames: int) -> None:
    """Pass reference, target and the sound that is always made through the transformer."""
    tokens, sound = 2 * prod(size), round(frames / FRAME_RATE * SOUND_RATE)
    config, exact = transformer.config, partial(torch.empty, device="meta")
    transformer(
        hidden_states=context.mask.new_empty(1, tokens, config.in_channels),
        audio_hidden_states=context.mask.new_empty(1, sound, config.audio_in_channels),
        encoder_hidden_states=context.video,
        audio_encoder_hidden_states=context.audio,
        timestep=exact(1, tokens),
        audio_timestep=exact(1),
        sigma=exact(1),
        audio_sigma=exact(1),
        **dict(zip(("num_frames", "height", "width"), size, strict=True)),
        fps=FRAME_RATE,
        audio_num_frames=sound,
        video_coords=exact(1, 3, tokens, 2),
        audio_coords=exact(1, 1, sound, 2),
        use_cross_timestep=True,
        return_dict=False,
    )


def _latent_size(job: Job, temporal_ratio: int, spatial_ratio: int) -> tuple[int, int, int]:
    size = (job.frames, job.size, job.size)
    frames, height, width = legal_size(size, temporal_ratio, spatial_ratio)
    return (frames - 1) // temporal_ratio + 1, height // spatial_ratio, width // spatial_ratio


def byte_count(module: torch.nn.Module) -> float:
    """Return the bytes of a module's weights."""
    return float(sum(p.numel() * p.element_size() for p in module.parameters()))
