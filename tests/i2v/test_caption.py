"""The constant caption: embedded once by the folder's own text encoder, then kept."""

import pytest
import torch
from diffusers import LTXImageToVideoPipeline
from transformers import T5Config, T5EncoderModel, T5TokenizerFast

from synclora_lite.errors import ModelError
from synclora_lite.i2v import denoise, load_model, pack, tiny_model
from synclora_lite.i2v.folders import PROMPT


@pytest.fixture
def folder(tmp_path):
    """A stock LTX-Video folder with a tiny text encoder, and nothing of ours."""
    torch.manual_seed(0)
    model = tiny_model(positions="uniform")
    pieces = ["<pad>", "</s>", "<unk>", "▁", *PROMPT]
    encoder = T5EncoderModel(
        T5Config(vocab_size=16, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    )
    pipe = LTXImageToVideoPipeline(
        vae=model.vae,
        transformer=model.transformer,
        scheduler=model.scheduler,
        text_encoder=encoder.eval(),
        tokenizer=T5TokenizerFast(vocab=[(piece, -1.0) for piece in pieces], extra_ids=0),
    )
    pipe.save_pretrained(tmp_path)
    return tmp_path


def test_the_kept_caption_gives_what_the_stock_pipeline_gives_for_the_prompt(folder):
    model = load_model(folder)
    assert (model.positions, model.frame_rate) == ("uniform", 25.0)
    assert model.caption.shape == (1, len(PROMPT) + 2, 8)  # a leading space and an end, no padding
    start = torch.randn(1, 8, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    pipe = LTXImageToVideoPipeline.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    stock = pipe(
        prompt=PROMPT,
        latents=pack(start),
        height=32,
        width=32,
        num_frames=9,
        frame_rate=25,
        num_inference_steps=3,
        guidance_scale=1.0,
        output_type="latent",
        return_dict=False,
    )[0]
    ours = denoise(model, start[:, :, :1], noise=start, steps=3, frames=3)
    assert (pack(ours) - stock).abs().max() < 1e-4


def test_the_text_encoder_is_needed_once(folder):
    first = load_model(folder).caption
    for file in (folder / "text_encoder").iterdir():
        file.unlink()
    (folder / "text_encoder").rmdir()
    assert torch.equal(load_model(folder).caption, first)
    (folder / "caption.safetensors").unlink()
    with pytest.raises(ModelError, match=r"neither caption.safetensors nor a text encoder"):
        load_model(folder)
