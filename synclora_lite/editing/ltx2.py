"""Editing with LTX-2 and LTX-2.3: from any clip to what the stock pipeline takes, and back.

The clip is shown at the model's frame rate, scaled to its number of pixels, edited by windows of
its length, and returned at the source's size, length and rate. Nothing checks what kind of
portrait it is: these models know them all.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from synclora_lite.editing.fitting import edit_in_windows
from synclora_lite.editing.ltx_video import (
    adapter_place,
    split_strength,
    uncovered,
    weight_hashes,
)
from synclora_lite.editing.methods import Method
from synclora_lite.editing.settings import EditSettings, Made, check_ltx2
from synclora_lite.errors import EditError
from synclora_lite.models import adapter_file
from synclora_lite.models.folders import model_folder
from synclora_lite.models.ltx2 import Adapter, LTX2Model, edit_ltx2, load_ltx2
from synclora_lite.models.ltx2_sampling import LTX2Request, LTX2Sampling
from synclora_lite.models.precision import check_device, fast_dtype
from synclora_lite.video import Clip, resample
from synclora_lite.video.geometry import resize_picture

Frames = UInt8[np.ndarray, "_ _ _ 3"]
Image = UInt8[np.ndarray, "_ _ 3"]

OVERLAP = 9  # frames that neighbouring windows share
RELEASED = "SagiPolaczek/LTX-2.3-Sync-LoRA"


@dataclass(frozen=True)
class LTX2:
    """A loaded LTX-2.

    Attributes:
        model: With the adapters in it.
        hashes: SHA-256 by weight file.
        sampling: Its setting; steps, seed and strength of the reference come with each edit.
        in_context: Whether the first adapter is the in-context adapter.

    """

    model: LTX2Model
    hashes: dict[str, str]
    sampling: LTX2Sampling
    in_context: bool

    def edit(
        self, source: Clip, first_frame: Image, method: Method, settings: EditSettings
    ) -> Made:
        """Edit a clip of any size, length and rate.

        Raises:
            EditError: The pipeline has no place for the method, or for one of its options.

        """
        check_ltx2(method, settings)
        model, stages = self.model, self.model.stages
        weight = method.options.get("reference_strength", 0.0)  # i2v looks at no reference
        how = replace(
            self.sampling, steps=settings.steps, seed=settings.seed, reference_strength=weight
        )
        clip = resample(source, model.frame_rate)
        height, width = working_size(source.size, stages * model.side)
        small = np.stack([resize_picture(frame, height, width) for frame in clip.frames])
        window = min(model.frames, len(small))
        made, seams = edit_in_windows(
            small,
            resize_picture(first_frame, height, width),
            lambda window, anchor: edit_ltx2(model, window, anchor, how),
            window=window,
            overlap=min(OVERLAP, max(1, window // 2)),
        )
        moments = np.arange(len(source)) * (model.frame_rate / source.fps)
        shown = made[np.clip(np.floor(moments + 0.5).astype(int), 0, len(made) - 1)]
        output = np.stack([resize_picture(frame, *source.size) for frame in shown])
        output[0] = first_frame
        at = {"frames": len(small), "height": height, "width": width, "fps": model.frame_rate}
        ran = self._told(how, stages)
        options = {"seed": settings.seed, "reference_strength": 1.0, **method.options}
        options.pop("guidance", None)
        report = {"model_input": at, "seams": seams, **ran, "model": model.name}
        return Made(output, report, {**options, **ran}, self.hashes, uncovered(model.covered))

    def _told(self, how: LTX2Sampling, stages: int) -> dict[str, Any]:
        """Return setting and adapters, for report and provenance."""
        model, ran = self.model, how.arguments(self.model.scheduler)
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
        return {"sampling": sampling, "adapters": adapters}


def load_backend(
    name: str | Path,
    adapters: tuple[str, ...],
    request: LTX2Request,
    device: str,
    *,
    in_context: bool = True,
) -> LTX2:
    """Load an LTX-2 and the adapters stacked on it.

    Args:
        name: Folder or hub name.
        adapters: As on the command line, NAME or NAME:STRENGTH; the in-context adapter first.
        request: Setting, and the upsampler for two stages.
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
            stacked.append(Adapter(adapter_file(adapter_place(place)), strength, number > 0))
    dtype = fast_dtype(device)
    model = load_ltx2(name, stacked, upsampler=request.upsampler, device=device, dtype=dtype)
    hashes = weight_hashes([model_folder(name), *(a.file for a in stacked)])
    return LTX2(model, hashes, request.sampling, in_context)


def working_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return height and width of about `side` squared pixels, in the proportions of `size`."""
    height, width = size
    scale = side / (height * width) ** 0.5
    return max(1, round(height * scale)), max(1, round(width * scale))
