"""LTX-2 and LTX-2.3, where the released Sync-LoRA lives: one call per edit, on the stock pipeline.

The recipe is the released adapter's (arXiv 2512.03013, `SagiPolaczek/LTX-2.3-Sync-LoRA`): the
constant prompt, the edited frame as a condition at latent index 0, the source as a reference
condition. No guidance: with one constant caption there is nothing to push away from.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import diffusers
import numpy as np
import PIL.Image
import torch
from diffusers import LTX2InContextPipeline
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition
from diffusers.pipelines.ltx2.pipeline_ltx2_ic_lora import LTX2ReferenceCondition
from jaxtyping import Float, Int, UInt8
from pydantic import Field
from torch import Tensor

from synclora_lite.errors import ModelError
from synclora_lite.files import read_json
from synclora_lite.i2v.captions import PROMPT, Embedded, kept_caption
from synclora_lite.i2v.folders import model_folder, pipeline_class
from synclora_lite.i2v.latents import legal_size
from synclora_lite.i2v.model import SETTINGS
from synclora_lite.i2v.precision import weight_bytes
from synclora_lite.settings import FrameRate, Settings, build

Offload = Literal["auto", "none", "parts", "layers"]
Adapter = Mapping[str, Float[Tensor, "..."]]

UNGUIDED: dict[str, Any] = {
    **dict.fromkeys(("guidance_scale", "modality_scale"), 1.0),
    **dict.fromkeys(("audio_guidance_scale", "audio_modality_scale"), 1.0),
    **dict.fromkeys(("stg_scale", "audio_stg_scale"), 0.0),
}
LOCAL = {"local_files_only": True}  # no downloads
HEADROOM = 0.85  # of a GPU's free memory for weights; the rest is for what is computed


@dataclass(frozen=True)
class _Settings(Settings):
    frame_rate: FrameRate = 25.0
    side: Annotated[int, Field(ge=32, le=4096)] = 512
    frames: Annotated[int, Field(ge=2, le=4096)] = 81  # windows share one


@dataclass(frozen=True)
class LTX2Model:
    """An LTX-2 pipeline without its text encoder, and the prompt's embedding in its place.

    Attributes:
        pipe: The stock pipeline, with the adapter in it if there is one.
        caption: Embedding of the prompt, as `encode_prompt` gives it.
        mask: 1 for its tokens, 0 for padding.
        name: For reports.
        frame_rate: Of the clips it is given, as the released adapter was trained.
        side: Root of the number of pixels of a frame, likewise.
        frames: Most frames at once, likewise.

    """

    pipe: LTX2InContextPipeline
    caption: Float[Tensor, "1 caption_tokens dim"]
    mask: Int[Tensor, "1 caption_tokens"]
    name: str
    frame_rate: float
    side: int
    frames: int


def load_ltx2(
    name: str | Path,
    adapter: Adapter | None = None,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    offload: Offload = "auto",
) -> LTX2Model:
    """Load an LTX-2 model for editing, with an in-context adapter.

    A file `synclora.json` in the folder may set `frame_rate`, `side` and `frames`.

    Args:
        name: A folder in diffusers layout, or a hub name such as diffusers/LTX-2.3-Diffusers.
        adapter: Weights under plain names, from `incontext.read_weights`.
        device: Where to run.
        dtype: bfloat16 on a GPU.
        offload: What waits in main memory: "none"; all "parts" but the one at work; all "layers"
            but the one at work (slow, fits any card). "auto" goes by the GPU's free memory.

    Raises:
        ModelError: The model is missing, of another family, or the adapter does not fit it.
        ConfigError: `synclora.json` is damaged.

    """
    folder = model_folder(name)
    if not pipeline_class(folder).startswith("LTX2"):
        raise ModelError(f"{name} is no LTX-2 model", "a folder of an LTX-2 pipeline")
    stored = read_json(folder / SETTINGS) if (folder / SETTINGS).exists() else {}
    settings = build(_Settings, stored, f"{folder / SETTINGS}: ")
    diffusers.utils.logging.disable_progress_bar()
    caption, mask = padded_caption(kept_caption(folder, _embed))
    pipe = LTX2InContextPipeline.from_pretrained(
        folder, text_encoder=None, tokenizer=None, dtype=dtype, use_safetensors=True, **LOCAL
    )
    if adapter is not None:
        _add_adapter(pipe, adapter)
    _place(pipe, folder, device, offload)
    return LTX2Model(
        pipe, caption.to(device, dtype), mask.to(device), Path(name).name, **asdict(settings)
    )


@torch.no_grad()
def edit_ltx2(
    model: LTX2Model,
    source: UInt8[np.ndarray, "frames height width 3"],
    first_frame: UInt8[np.ndarray, "height width 3"],
    *,
    steps: int = 30,
    seed: int = 0,
    reference_strength: float = 1.0,
    progress: bool = False,
) -> UInt8[np.ndarray, "frames height width 3"]:
    """Carry the edit of the first frame through a clip with the in-context pipeline.

    A clip whose length is not 8k+1 is padded by its last frame and trimmed again; a size that is
    no multiple of 32 is padded at the edges and cropped again.

    Args:
        model: From `load_ltx2`.
        source: The clip to edit, cropped to the person, at the model's frame rate.
        first_frame: Its first frame, edited.
        steps: Sampling steps.
        seed: Of the noise.
        reference_strength: 1 is a clean reference; 0 leaves it out.
        progress: Show a progress bar.

    """
    frames, height, width = source.shape[:3]
    pipe = model.pipe
    legal = legal_size(
        (frames, height, width),
        pipe.vae_temporal_compression_ratio,
        max(32, pipe.vae_spatial_compression_ratio),
    )
    padded = _pad(np.concatenate([source, first_frame[None]]), (0, *legal[1:]))
    clip = [PIL.Image.fromarray(frame) for frame in _pad(padded[:-1], legal)]
    reference = LTX2ReferenceCondition(frames=clip, strength=reference_strength)
    pipe.set_progress_bar_config(disable=not progress)
    made = pipe(
        prompt_embeds=model.caption,
        prompt_attention_mask=model.mask,
        conditions=[LTX2VideoCondition(frames=padded[-1], index=0, strength=1.0, crf=0)],
        reference_conditions=[reference] if reference_strength > 0 else None,
        num_frames=legal[0],
        height=legal[1],
        width=legal[2],
        frame_rate=model.frame_rate,
        num_inference_steps=steps,
        generator=torch.Generator().manual_seed(seed),
        output_type="np",
        return_dict=False,
        **UNGUIDED,
    )[0][0]
    return (made[:frames, :height, :width] * 255).round().astype(np.uint8)


def choose_offload(parts: Mapping[str, float], free: float) -> Offload:
    """Return what must wait in main memory so that a GPU with `free` bytes can run the parts.

    Args:
        parts: Bytes of weights by part.
        free: Bytes free on the GPU.

    """
    room = HEADROOM * free
    if sum(parts.values()) <= room:
        return "none"
    return "parts" if max(parts.values()) <= room else "layers"


def padded_caption(
    stored: Embedded,
) -> tuple[Float[Tensor, "1 caption_tokens dim"], Int[Tensor, "1 caption_tokens"]]:
    """Return an embedding and its mask at full length; files keep the true tokens only.

    The connectors set the tokens of padding to zero before they look at any, and a kilobyte per
    token and layer of the text encoder is much to keep for a thousand of them.
    """
    caption = stored["caption"]
    mask = stored.get("mask", torch.ones(caption.shape[:2], dtype=torch.int64))
    if caption.shape[1] == mask.shape[1]:
        return caption, mask
    full = caption.new_zeros(*mask.shape, caption.shape[2])
    full[mask.bool()] = caption[0]
    return full, mask


@torch.no_grad()
def _embed(folder: Path, dtype: torch.dtype) -> Embedded:
    """Embed the prompt with the folder's own text encoder, nothing else being loaded."""
    parts = dict.fromkeys(("transformer", "vae", "audio_vae", "connectors", "vocoder"))
    pipe = LTX2InContextPipeline.from_pretrained(
        folder, **parts, dtype=dtype, use_safetensors=True, **LOCAL
    )
    caption, mask, _, _ = pipe.encode_prompt(PROMPT, do_classifier_free_guidance=False)
    return {"caption": caption[:, mask[0].bool()], "mask": mask}


def _add_adapter(pipe: LTX2InContextPipeline, weights: Adapter) -> None:
    """Load an adapter by the stock loader, which only warns of weights that have no place."""
    layers = {name for name, _ in pipe.transformer.named_modules()}
    strangers = [name for name in weights if name.rsplit(".lora_", 1)[0] not in layers]
    if strangers:
        raise ModelError(
            f"{len(strangers)} of {len(weights)} adapter weights have no place ({strangers[0]})",
            "an adapter for this model",
            "check which model it was trained on",
        )
    pipe.load_lora_weights(
        {f"transformer.{name}": value for name, value in weights.items()}, adapter_name="sync"
    )
    pipe.set_adapters("sync", 1.0)


def _place(pipe: LTX2InContextPipeline, folder: Path, device: str, offload: Offload) -> None:
    """Bring the weights to the device, or let them come when they are needed."""
    if offload == "auto":
        on_gpu = torch.device(device).type == "cuda"
        parts = {name: weight_bytes(folder / name) for name in pipe.components}
        free = torch.cuda.mem_get_info(device)[0] if on_gpu else float("inf")
        offload = choose_offload(parts, free)
    if offload == "none":
        pipe.to(device)
        return
    pipe.vae.enable_tiling()
    if offload == "parts":
        pipe.enable_model_cpu_offload(device=device)
    else:
        pipe.enable_sequential_cpu_offload(device=device)


def _pad(
    frames: UInt8[np.ndarray, "_ _ _ 3"], size: tuple[int, int, int]
) -> UInt8[np.ndarray, "_ _ _ 3"]:
    """Repeat the last frame, row and column up to `size`."""
    missing = [(0, max(0, want - have)) for want, have in zip(size, frames.shape[:3], strict=True)]
    return np.pad(frames, [*missing, (0, 0)], mode="edge")
