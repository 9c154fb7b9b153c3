"""Editing with LTX-2 and LTX-2.3: from any clip to what the stock pipeline takes, and back.

The clip is shown at the model's frame rate, scaled to its number of pixels, edited by windows of
its length, and returned at the source's size, length and rate. Nothing checks what kind of
portrait it is: these models know them all.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from synclora_lite.editing.editor import adapter_place, split_strength, weight_hashes
from synclora_lite.editing.fitting import edit_in_windows
from synclora_lite.editing.methods import Method, flag
from synclora_lite.editing.running import uncovered
from synclora_lite.editing.sampling import Sampling
from synclora_lite.errors import EditError
from synclora_lite.i2v.folders import model_folder
from synclora_lite.i2v.full import Adapter, LTX2Model, edit_ltx2, load_ltx2
from synclora_lite.i2v.ltx2_sampling import LTX2Sampling
from synclora_lite.i2v.precision import check_device, fast_dtype
from synclora_lite.incontext import adapter_file
from synclora_lite.video import Clip, resample
from synclora_lite.video.geometry import resize_picture

Frames = UInt8[np.ndarray, "_ _ _ 3"]
Image = UInt8[np.ndarray, "_ _ 3"]

OVERLAP = 9  # frames that neighbouring windows share
METHODS = ("sync-lora", "i2v")
RELEASED = "SagiPolaczek/LTX-2.3-Sync-LoRA"


@dataclass(frozen=True)
class FullSize:
    """A loaded LTX-2, and the SHA-256 of its weight files."""

    model: LTX2Model
    hashes: tuple[tuple[str, str], ...]


@lru_cache(maxsize=1)
def load_full_size(
    name: str | Path,
    adapters: tuple[str, ...],
    upsampler: str | Path | None,
    device: str,
    *,
    in_context: bool = True,
) -> FullSize:
    """Load an LTX-2 and the adapters stacked on it; the last one stays in memory.

    Args:
        name: Folder or hub name.
        adapters: As on the command line, NAME or NAME:STRENGTH; the in-context adapter first.
        upsampler: For two stages.
        device: Where to run.
        in_context: False leaves the in-context adapter out, as the plain model is run.

    Raises:
        ModelError: Something is missing, damaged, or does not fit.
        EditError: There is no in-context adapter, or it is the lite model's.

    """
    check_device(device)
    if in_context and (not adapters or "lite-adapter" in adapters):
        raise EditError(
            "the lite adapter for an LTX-2 model",
            "an adapter of its own",
            f"name it: --adapter {RELEASED}, a folder or a file",
        )
    stacked = []
    for number, adapter in enumerate(adapters):
        if number or in_context:
            place, strength = split_strength(adapter)
            file = adapter_file(adapter_place(place))
            stacked.append(Adapter(file, strength, refines=number > 0))
    model = load_ltx2(name, stacked, upsampler=upsampler, device=device, dtype=fast_dtype(device))
    return FullSize(model, weight_hashes([model_folder(name), *(a.file for a in stacked)]))


def edit_full_size(
    full: FullSize, method: Method, source: Clip, first_frame: Image, how: LTX2Sampling
) -> tuple[Frames, dict[str, Any]]:
    """Edit a clip of any size, length and rate.

    Args:
        full: From `load_full_size`; with an adapter for "sync-lora".
        method: "sync-lora", or "i2v" to leave the source out.
        source: The clip.
        first_frame: Its first frame, edited, of the same size.
        how: Setting, steps, seed and strength of the reference.

    Returns:
        Frames like the source's, and facts for the report.

    """
    model = full.model
    clip = resample(source, model.frame_rate)
    stages = 1 if model.upsampler is None else 2
    size = working_size(source.size, stages * model.side)
    small = np.stack([resize_picture(frame, *size) for frame in clip.frames])
    if not method.adapter:
        how = replace(how, reference_strength=0.0)

    def edit(window: Frames, anchor: Image) -> Frames:
        return edit_ltx2(model, window, anchor, how)

    window = min(model.frames, len(small))
    made, seams = edit_in_windows(
        small,
        resize_picture(first_frame, *size),
        edit,
        window=window,
        overlap=min(OVERLAP, max(1, window // 2)),
    )
    moments = np.arange(len(source)) * (model.frame_rate / source.fps)
    shown = made[np.clip(np.floor(moments + 0.5).astype(int), 0, len(made) - 1)]
    output = np.stack([resize_picture(frame, *source.size) for frame in shown])
    output[0] = first_frame
    at = {"frames": len(small), "height": size[0], "width": size[1], "fps": model.frame_rate}
    ran = how.arguments(model.scheduler)
    sampling = {
        "sigmas": [round(sigma, 6) for sigma in ran["sigmas"]],
        "guidance": ran["guidance_scale"],
        "stages": stages,
        "crf": how.crf,
        "reference_downscale": model.reference_downscale,
    }
    adapters = [
        {"name": a.file.stem, "strength": a.strength, "covers": str(covered)}
        for a, covered in zip(model.adapters, model.covered, strict=True)
    ]
    facts = {"model_input": at, "seams": seams, "sampling": sampling, "adapters": adapters}
    return output, {**facts, "warnings": uncovered(model.covered)}


def check_request(method: Method, how: Sampling) -> None:
    """Raise EditError for what the pipeline of LTX-2 has no place for."""
    if method.name not in METHODS:
        raise EditError(f"method {method.name} with an LTX-2 model", " or ".join(METHODS))
    if how.sync_guidance != 1:
        raise EditError(
            f"sync guidance {how.sync_guidance:g} with an LTX-2 model",
            "1: the released adapter was trained without dropping the reference",
        )
    for name in ("warm", "temperature", "edit_gain"):
        if getattr(how, name) != 1:
            raise EditError(f"{flag(name)} with an LTX-2 model", "the lite model", "leave it out")


def working_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return height and width of about `side` squared pixels, in the proportions of `size`."""
    height, width = size
    scale = side / (height * width) ** 0.5
    return max(1, round(height * scale)), max(1, round(width * scale))
