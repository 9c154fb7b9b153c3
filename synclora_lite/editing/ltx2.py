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
from synclora_lite.editing.ltx_video import split_strength, uncovered, weight_hashes
from synclora_lite.editing.methods import ImageToVideo, Method, SyncLora
from synclora_lite.editing.settings import EditSettings, Made
from synclora_lite.errors import EditError
from synclora_lite.models import adapter_file
from synclora_lite.models.folders import model_folder
from synclora_lite.models.ltx2 import Adapter, LTX2Model, edit_ltx2, load_ltx2
from synclora_lite.models.ltx2_sampling import LTX2Sampling
from synclora_lite.models.precision import check_device, fast_dtype
from synclora_lite.video import Clip, resample
from synclora_lite.video.geometry import resize_picture

OVERLAP = 9  # frames that neighbouring windows share
RELEASED = "SagiPolaczek/LTX-2.3-Sync-LoRA"


@dataclass(frozen=True)
class LTX2:
    """A loaded LTX-2."""

    model: LTX2Model  # with the adapters in it
    hashes: dict[str, str]  # SHA-256 by weight file
    sampling: LTX2Sampling  # steps, seed and strength of the reference come with each edit
    in_context: bool  # whether the first adapter is the in-context adapter

    def edit(
        self,
        source: Clip,
        first_frame: UInt8[np.ndarray, "_ _ 3"],
        method: Method,
        settings: EditSettings,
    ) -> Made:
        """Edit a clip of any size, length and rate; EditError for what there is no place for."""
        check_ltx2(method, settings)
        model = self.model
        weight = method.options.get("reference_strength", 0.0)  # i2v looks at no reference
        seed = settings.seed
        how = replace(self.sampling, steps=settings.steps, seed=seed, reference_strength=weight)
        clip = resample(source, model.frame_rate)
        scale = model.stages * model.side / (source.size[0] * source.size[1]) ** 0.5
        height, width = (max(1, round(side * scale)) for side in source.size)
        small = np.stack([resize_picture(frame, height, width) for frame in clip.frames])
        window = min(model.frames, len(small))
        made, seams = edit_in_windows(
            small,
            resize_picture(first_frame, height, width),
            lambda piece, anchor: edit_ltx2(model, piece, anchor, how),
            window=window,
            overlap=min(OVERLAP, max(1, window // 2)),
        )
        moments = np.arange(len(source)) * (model.frame_rate / source.fps)
        shown = made[np.clip(np.floor(moments + 0.5).astype(int), 0, len(made) - 1)]
        output = np.stack([resize_picture(frame, *source.size) for frame in shown])
        output[0] = first_frame
        size = {"frames": len(small), "height": height, "width": width, "fps": model.frame_rate}
        ran = self._told(how)
        report = {"model_input": size, "seams": seams, **ran, "model": model.name}
        asked = {"seed": seed, "reference_strength": method.options.get("reference_strength", 1.0)}
        return Made(output, report, {**asked, **ran}, self.hashes, uncovered(model.covered))

    def _told(self, how: LTX2Sampling) -> dict[str, Any]:
        """Return setting and adapters, for report and provenance."""
        model, ran = self.model, how.arguments(self.model.scheduler)
        sampling = {
            "sigmas": [round(sigma, 6) for sigma in ran["sigmas"]],
            "guidance": ran["guidance_scale"],
            "stages": model.stages,
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
    sampling: LTX2Sampling,
    device: str,
    *,
    in_context: bool,
) -> LTX2:
    """Load an LTX-2 by folder or hub name; without `in_context` the first adapter is left out.

    Raises ModelError if a part is missing, damaged or does not fit, EditError without adapter.
    """
    check_device(device)
    if in_context and (not adapters or "lite-adapter" in adapters):
        advice = f"name it: --adapter {RELEASED}, a folder or a file"
        raise EditError("the lite adapter for an LTX-2 model", "an adapter of its own", advice)
    stacked = []
    for number, adapter in enumerate(adapters):
        if number or in_context:
            place, strength = split_strength(adapter)
            stacked.append(Adapter(adapter_file(place), strength, number > 0))
    dtype = fast_dtype(device)
    model = load_ltx2(name, stacked, upsampler=sampling.upsampler, device=device, dtype=dtype)
    hashes = weight_hashes([model_folder(name), *(a.file for a in stacked)])
    return LTX2(model, hashes, sampling, in_context)


def check_ltx2(method: Method, settings: EditSettings) -> None:
    """Raise EditError for what the pipeline of LTX-2 has no place for."""
    if not isinstance(method, SyncLora | ImageToVideo):
        raise EditError(f"method {method.name} with an LTX-2 model", "sync-lora or i2v")
    if settings.restore:
        raise EditError("--restore with an LTX-2 model", "the lite model", "leave it out")
    guidance = method.options.get("guidance", 1)
    if guidance != 1:
        expected = "1: the released adapter was trained without dropping the reference"
        raise EditError(f"guidance {guidance:g} with an LTX-2 model", expected)
