"""LTX-2.3 by its configurations: the real one, and a tiny one with all the same parts."""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    FlowMatchEulerDiscreteScheduler,
    LTX2InContextPipeline,
    LTX2VideoTransformer3DModel,
)
from diffusers.pipelines.ltx2 import LTX2TextConnectors
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder
from diffusers.utils import logging
from safetensors.torch import save_file

from synclora_lite.files import atomic_path, write_json
from synclora_lite.models.captions import CAPTION
from synclora_lite.models.ltx2_sampling import SCHEDULER_23
from synclora_lite.models.model import SETTINGS

TRANSFORMER_23: dict[str, Any] = {  # what LTX-2.3 switches on in the class; sizes are the default
    "gated_attn": True,
    "audio_gated_attn": True,
    "cross_attn_mod": True,
    "audio_cross_attn_mod": True,
    "use_prompt_embeddings": False,
    "perturbed_attn": True,
    "rope_type": "split",
}
CONNECTORS_23: dict[str, Any] = {
    "per_modality_projections": True,
    "video_gated_attn": True,
    "audio_gated_attn": True,
    "video_connector_num_attention_heads": 32,
    "video_connector_num_layers": 8,
    "audio_connector_num_attention_heads": 32,
    "audio_connector_attention_head_dim": 64,
    "audio_connector_num_layers": 8,
    "proj_bias": True,
}
TINY_TRANSFORMER: dict[str, Any] = {
    "in_channels": 8,
    "out_channels": 8,
    "num_attention_heads": 2,
    "attention_head_dim": 16,
    "cross_attention_dim": 32,
    "audio_in_channels": 4,
    "audio_out_channels": 4,
    "audio_num_attention_heads": 2,
    "audio_attention_head_dim": 8,
    "audio_cross_attention_dim": 16,
    "num_layers": 2,
    "caption_channels": 32,
}
TINY_CONNECTORS: dict[str, Any] = {
    "video_connector_num_attention_heads": 2,
    "audio_connector_num_attention_heads": 2,
    "video_connector_attention_head_dim": 16,
    "audio_connector_attention_head_dim": 8,
    "video_connector_num_layers": 1,
    "audio_connector_num_layers": 1,
    "video_connector_num_learnable_registers": 4,
    "audio_connector_num_learnable_registers": 4,
    "caption_channels": 8,
    "text_proj_in_factor": 3,
    "connector_rope_base_seq_len": 32,
    "rope_type": "split",
    "video_hidden_dim": 32,
    "audio_hidden_dim": 16,
}
TINY_VAE: dict[str, Any] = {
    "latent_channels": 8,
    "block_out_channels": (8, 16, 32, 64),
    "decoder_block_out_channels": (8, 16, 32),
    "layers_per_block": (1,) * 5,
    "decoder_layers_per_block": (1,) * 4,
    "spatial_compression_ratio": 32,
    "temporal_compression_ratio": 8,
}
TINY_AUDIO_VAE: dict[str, Any] = {
    "base_channels": 4,
    "output_channels": 2,
    "ch_mult": (1,),
    "num_res_blocks": 1,
    "attn_resolutions": None,
    "in_channels": 2,
    "resolution": 32,
    "latent_channels": 2,
    "norm_type": "pixel",
    "causality_axis": "height",
    "mid_block_add_attention": False,
    "sample_rate": 16000,
    "mel_hop_length": 160,
    "mel_bins": 8,
}
TINY_VOCODER: dict[str, Any] = {
    "in_channels": 16,
    "hidden_channels": 16,
    "out_channels": 2,
    "upsample_kernel_sizes": [4, 4],
    "upsample_factors": [2, 2],
    "resnet_kernel_sizes": [3],
    "resnet_dilations": [[1, 3, 5]],
    "output_sampling_rate": 16000,
}
TINY_UPSAMPLER: dict[str, Any] = {
    "in_channels": 8,
    "mid_channels": 32,
    "num_blocks_per_stage": 1,
}
TEXT = 24  # numbers per token of the tiny text encoder: caption_channels times text_proj_in_factor


def tiny_ltx2(seed: int = 0) -> LTX2InContextPipeline:
    """Return a random LTX-2.3 of the stock classes, without text encoder: 32 px, 8 frames."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipe = LTX2InContextPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(**SCHEDULER_23),
            vae=AutoencoderKLLTX2Video(**TINY_VAE),
            audio_vae=AutoencoderKLLTX2Audio(**TINY_AUDIO_VAE),
            text_encoder=None,
            tokenizer=None,
            connectors=LTX2TextConnectors(**{**CONNECTORS_23, **TINY_CONNECTORS}),
            transformer=LTX2VideoTransformer3DModel(**{**TRANSFORMER_23, **TINY_TRANSFORMER}),
            vocoder=LTX2Vocoder(**TINY_VOCODER),
        )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def save_tiny_upsampler(folder: str | Path, seed: int = 0) -> Path:
    """Write a random latent upsampler for a tiny LTX-2.3."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        LTX2LatentUpsamplerModel(**TINY_UPSAMPLER).save_pretrained(folder)
    return Path(folder)


def save_tiny_ltx2(folder: str | Path, *, side: int = 64, frames: int = 9, seed: int = 0) -> Path:
    """Write a tiny LTX-2.3 as a folder to edit with: caption kept, size and length small."""
    folder, verbosity = Path(folder), logging.get_verbosity()
    logging.set_verbosity_error()  # not a word about the text encoder that is left out on purpose
    tiny_ltx2(seed).save_pretrained(folder)
    logging.set_verbosity(verbosity)
    generator = torch.Generator().manual_seed(seed)
    made = {k: torch.randn(1, 4, TEXT, generator=generator) for k in ("caption", "negative")}
    with atomic_path(folder / CAPTION) as partial:
        save_file(made, partial)
    write_json(folder / SETTINGS, {"frame_rate": 25.0, "side": side, "frames": frames})
    return folder
