"""LTX-2 and LTX-2.3, where the released Sync-LoRA lives: one call per edit, on the stock pipeline.

The recipe is the released adapter's (arXiv 2512.03013, `SagiPolaczek/LTX-2.3-Sync-LoRA`): the
constant prompt, the edited frame as a condition at latent index 0, the source as a reference
condition. No guidance: with one constant caption there is nothing to push away from.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from diffusers import LTX2InContextPipeline
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition
from diffusers.pipelines.ltx2.pipeline_ltx2_ic_lora import LTX2ReferenceCondition
from jaxtyping import Float, Int, UInt8
from safetensors.torch import load_file, save_file
from torch import Tensor

from synclora_lite.errors import ModelError
from synclora_lite.files import atomic_path
from synclora_lite.i2v.folders import CAPTION, PROMPT, model_folder, pipeline_class
from synclora_lite.i2v.latents import legal_size

FRAME_RATE = 25.0  # of the released adapter's training clips
UNGUIDED: dict[str, Any] = {
    **dict.fromkeys(("guidance_scale", "modality_scale"), 1.0),
    **dict.fromkeys(("audio_guidance_scale", "audio_modality_scale"), 1.0),
    **dict.fromkeys(("stg_scale", "audio_stg_scale"), 0.0),
}


@dataclass(frozen=True)
class LTX2Model:
    """An LTX-2 pipeline without its text encoder, and the prompt's embedding in its place."""

    pipe: LTX2InContextPipeline
    caption: Float[Tensor, "1 caption_tokens dim"]
    mask: Int[Tensor, "1 caption_tokens"]
    name: str = "LTX-2"


def is_ltx2(name: str | Path) -> bool:
    """Return whether a folder (or downloaded hub model) is of the LTX-2 family."""
    return pipeline_class(model_folder(name)).startswith("LTX2")


def load_ltx2(
    name: str | Path,
    adapter: str | Path | None = None,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    offload: bool = False,
) -> LTX2Model:
    """Load an LTX-2 model for editing, with an in-context adapter.

    Args:
        name: A folder in diffusers layout, or a hub name such as diffusers/LTX-2.3-Diffusers.
        adapter: A safetensors file, a folder, or a hub name such as
            SagiPolaczek/LTX-2.3-Sync-LoRA, in any key format that diffusers reads.
        device: Where to run.
        dtype: bfloat16 on a GPU.
        offload: Keep on the GPU only the part that is at work.

    Raises:
        ModelError: The model is missing, or is of another family.

    """
    folder = model_folder(name)
    if not pipeline_class(folder).startswith("LTX2"):
        raise ModelError(f"{name} is no LTX-2 model", "a folder of an LTX-2 pipeline")
    caption, mask = _caption(folder)
    pipe = LTX2InContextPipeline.from_pretrained(
        folder, text_encoder=None, tokenizer=None, dtype=dtype
    )
    if adapter is not None:
        pipe.load_lora_weights(adapter, adapter_name="sync")
        pipe.set_adapters("sync", 1.0)
    if offload:
        pipe.enable_model_cpu_offload(device=device)
    else:
        pipe.to(device)
    return LTX2Model(pipe, caption.to(device, dtype), mask.to(device), Path(name).name)


def edit_ltx2(
    model: LTX2Model,
    source: UInt8[np.ndarray, "frames height width 3"],
    first_frame: UInt8[np.ndarray, "height width 3"],
    *,
    frame_rate: float = FRAME_RATE,
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
        source: The clip to edit, cropped to the person.
        first_frame: Its first frame, edited.
        frame_rate: Of the clip; the adapter was trained at 25.
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
        frame_rate=frame_rate,
        num_inference_steps=steps,
        generator=torch.Generator().manual_seed(seed),
        output_type="np",
        return_dict=False,
        **UNGUIDED,
    )[0][0]
    return (made[:frames, :height, :width] * 255).round().astype(np.uint8)


def _pad(
    frames: UInt8[np.ndarray, "_ _ _ 3"], size: tuple[int, int, int]
) -> UInt8[np.ndarray, "_ _ _ 3"]:
    """Repeat the last frame, row and column up to `size`."""
    missing = [(0, max(0, want - have)) for want, have in zip(size, frames.shape[:3], strict=True)]
    return np.pad(frames, [*missing, (0, 0)], mode="edge")


def _caption(folder: Path) -> tuple[Tensor, Tensor]:
    """Return the prompt's embedding and mask, computed once with the text encoder and kept."""
    file = folder / CAPTION
    if not file.exists():
        if not (folder / "text_encoder").is_dir():
            raise ModelError(
                f"{folder} holds neither {CAPTION} nor a text encoder", "one of the two"
            )
        parts = dict.fromkeys(("transformer", "vae", "audio_vae", "connectors", "vocoder"))
        pipe = LTX2InContextPipeline.from_pretrained(folder, **parts)
        with torch.no_grad():
            caption, mask, _, _ = pipe.encode_prompt(PROMPT, do_classifier_free_guidance=False)
        with atomic_path(file) as partial:
            save_file({"caption": caption.contiguous(), "mask": mask.contiguous()}, partial)
    stored = load_file(file)
    caption = stored["caption"]
    return caption, stored.get("mask", torch.ones(caption.shape[:2], dtype=torch.int64))
