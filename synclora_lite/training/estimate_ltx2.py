"""Memory and time of an edit with LTX-2.3, before tens of gigabytes are downloaded.

As `estimate` does it: the stock transformer runs on the meta device, reference and target in one
sequence beside the sound it always makes, while every buffer is counted.
"""

from collections.abc import Callable

import torch
from diffusers import AutoencoderKLLTX2Video, LTX2VideoTransformer3DModel
from diffusers.pipelines.ltx2 import LTX2TextConnectors

from synclora_lite.errors import ConfigError
from synclora_lite.i2v.latents import legal_size
from synclora_lite.i2v.ltx2_sizes import CONNECTORS_23, TRANSFORMER_23
from synclora_lite.training.estimate import RUNTIME, SHALLOW, Estimate, Job, byte_count
from synclora_lite.training.metering import count_operations, peak_memory

NAME = "ltx-2.3"
LAYERS, CAPTION_TOKENS = 48, 1024
FRAME_RATE, SOUND_RATE = 25.0, 25.0  # frames, and latents of the sound, a second
RATIO, SIDE = 8, 32  # frames and pixels of a latent


def estimate_ltx2(job: Job) -> Estimate:
    """Estimate the edit of one clip with LTX-2.3, all parts on the card.

    Raises:
        ConfigError: The job is a training; the released adapter is trained elsewhere.

    """
    if job.training:
        raise ConfigError(
            f"training of {NAME}", "an edit", "say --edit, or train with --model ltx-video-2b"
        )
    dtype = getattr(torch, job.precision)
    low, high = (_transformer(layers, dtype) for layers in SHALLOW)
    steps = [_step(model, job, dtype) for model in (low, high)]

    def follow(a: float, b: float) -> float:
        return a + (b - a) * (LAYERS - SHALLOW[0]) / (SHALLOW[1] - SHALLOW[0])

    with torch.device("meta"):
        vae = torch.nn.Module.to(AutoencoderKLLTX2Video(), dtype)
        connectors = torch.nn.Module.to(LTX2TextConnectors(**CONNECTORS_23), dtype)
    transformer = follow(byte_count(low), byte_count(high))
    frames, rows, columns = _latents(job)
    memory = {
        "runtime": RUNTIME,
        "transformer": transformer,
        "connectors": byte_count(connectors),
        "autoencoder": byte_count(vae),
        "sampling": max(peak_memory(step) for step in steps),
        "decoding": peak_memory(_decoding(vae, job, dtype)),
    }
    operations = follow(*(count_operations(step) for step in steps))
    numbers = {"transformer": round(transformer / torch.finfo(dtype).bits * 8)}
    numbers["connectors"] = round(memory["connectors"] / torch.finfo(dtype).bits * 8)
    return Estimate(memory, operations, 2 * frames * rows * columns, numbers)


def advice_ltx2(found: Estimate, gigabytes: float) -> list[str]:
    """Return what may wait in main memory, with the peak it leads to.

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


def _transformer(layers: int, dtype: torch.dtype) -> LTX2VideoTransformer3DModel:
    with torch.device("meta"):
        model = LTX2VideoTransformer3DModel(**TRANSFORMER_23, num_layers=layers)
    return torch.nn.Module.to(model, dtype)


def _latents(job: Job) -> tuple[int, int, int]:
    """Return latent frames, rows and columns of the clip."""
    frames, height, width = legal_size((job.frames, job.size, job.size), RATIO, SIDE)
    return (frames - 1) // RATIO + 1, height // SIDE, width // SIDE


def _step(model: LTX2VideoTransformer3DModel, job: Job, dtype: torch.dtype) -> Callable[[], object]:
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
