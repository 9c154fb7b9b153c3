"""LTX-2.3 by its configurations: the real one, and a tiny one with all the same parts."""

from pathlib import Path

import torch
from diffusers import (
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    FlowMatchEulerDiscreteScheduler,
    LTX2InContextPipeline,
    LTX2VideoTransformer3DModel,
)
from diffusers.pipelines.ltx2 import LTX2TextConnectors
from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder
from diffusers.utils import logging

from synclora_lite.files import write_json
from synclora_lite.models.captions import CAPTION
from synclora_lite.models.model import SETTINGS, SIZES
from synclora_lite.tensors import write_tensors

TRANSFORMER_23, CONNECTORS_23 = (SIZES["ltx-2.3"][part] for part in ("transformer", "connectors"))
TINY = SIZES["tiny-ltx-2.3"]
TINY_TRANSFORMER = TINY["transformer"]


def tiny_ltx2(seed: int = 0) -> LTX2InContextPipeline:
    """Return a random LTX-2.3 of the stock classes, without text encoder: 32 px, 8 frames."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipe = LTX2InContextPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(**SIZES["ltx-2.3"]["scheduler"]),
            vae=AutoencoderKLLTX2Video(**TINY["vae"]),
            audio_vae=AutoencoderKLLTX2Audio(**TINY["audio_vae"]),
            text_encoder=None,
            tokenizer=None,
            connectors=LTX2TextConnectors(**{**CONNECTORS_23, **TINY["connectors"]}),
            transformer=LTX2VideoTransformer3DModel(**{**TRANSFORMER_23, **TINY_TRANSFORMER}),
            vocoder=LTX2Vocoder(**TINY["vocoder"]),
        )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def save_tiny_ltx2(folder: str | Path) -> Path:
    """Write a tiny LTX-2.3 as a folder to edit with: caption kept, size and length small."""
    folder, verbosity = Path(folder), logging.get_verbosity()
    logging.set_verbosity_error()  # not a word about the text encoder that is left out on purpose
    tiny_ltx2().save_pretrained(folder)
    logging.set_verbosity(verbosity)
    generator, sizes = torch.Generator().manual_seed(0), TINY["connectors"]
    width = sizes["caption_channels"] * sizes["text_proj_in_factor"]
    made = {k: torch.randn(1, 4, width, generator=generator) for k in ("caption", "negative")}
    write_tensors(folder / CAPTION, made, {})
    write_json(folder / SETTINGS, {"frame_rate": 25.0, "side": 64, "frames": 9})
    return folder
