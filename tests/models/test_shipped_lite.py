"""The shipped model folder in the stock pipeline of diffusers."""

from dataclasses import replace

import torch
from diffusers import LTXImageToVideoPipeline

from synclora_lite.core import pack
from synclora_lite.files import data_dir
from synclora_lite.models import denoise, load_model


def test_the_stock_pipeline_loads_the_lite_folder_and_samples_what_we_do():
    """With the positions of that pipeline; those of lite are the newer pipelines' (`causal`)."""
    folder = data_dir() / "models" / "lite"
    pipe = LTXImageToVideoPipeline.from_pretrained(
        folder, text_encoder=None, tokenizer=None, dtype=torch.float32
    )
    pipe.set_progress_bar_config(disable=True)
    model = replace(load_model("lite"), positions="uniform")
    frames, side = 5, 96 // model.spatial_ratio
    shape = (1, model.vae.config.latent_channels, frames, side, side)
    start = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    stock = pipe(
        latents=pack(start),
        prompt_embeds=model.caption,
        prompt_attention_mask=torch.ones(1, model.caption.shape[1]),
        height=side * model.spatial_ratio,
        width=side * model.spatial_ratio,
        num_frames=(frames - 1) * model.temporal_ratio + 1,
        frame_rate=model.frame_rate,
        num_inference_steps=4,
        guidance_scale=1.0,
        output_type="latent",
        return_dict=False,
    )[0]
    ours = denoise(model, start[:, :, :1], start, steps=4)
    assert (pack(ours) - stock).abs().max() < 1e-4
