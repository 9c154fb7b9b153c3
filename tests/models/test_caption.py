"""The constant caption: embedded once by the folder's own text encoder, then kept."""

import pytest
import torch
from diffusers import LTX2InContextPipeline, LTXImageToVideoPipeline
from safetensors.torch import load_file
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    GemmaTokenizer,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)

from synclora_course.tiny_ltx import tiny_model
from synclora_course.tiny_ltx2 import tiny_ltx2
from synclora_lite.core import pack
from synclora_lite.errors import ModelError
from synclora_lite.models import denoise, load_model
from synclora_lite.models.captions import PROMPT
from synclora_lite.models.ltx2 import load_ltx2


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
    ours = denoise(model, start[:, :, :1], start, steps=3)
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


def test_the_text_encoder_of_ltx2_is_needed_once_and_gives_what_the_pipeline_uses(tmp_path):
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 2}
    text = {**sizes, "vocab_size": 16, "num_hidden_layers": 2, "num_key_value_heads": 1}
    vision = {**sizes, "num_hidden_layers": 1, "image_size": 28, "patch_size": 14}
    encoder = Gemma3ForConditionalGeneration(
        Gemma3Config(text_config={**text, "head_dim": 4}, vision_config=vision)
    )
    pieces = ["<pad>", "<eos>", "<bos>", "<unk>", "▁", *PROMPT]
    tokenizer = GemmaTokenizer(vocab={piece: k for k, piece in enumerate(pieces)}, merges=[])
    parts = {**tiny_ltx2().components, "text_encoder": encoder.eval(), "tokenizer": tokenizer}
    LTX2InContextPipeline(**parts).save_pretrained(tmp_path)

    stock = LTX2InContextPipeline.from_pretrained(tmp_path)
    with torch.no_grad():
        expected, mask, _, _ = stock.encode_prompt(PROMPT, do_classifier_free_guidance=False)
    model = load_ltx2(tmp_path)
    assert torch.equal(model.mask, mask)
    assert torch.equal(model.caption[mask.bool()], expected[mask.bool()])
    assert load_file(tmp_path / "caption.safetensors")["caption"].shape == (1, len(PROMPT), 24)
    assert model.pipe.text_encoder is None
    assert torch.equal(load_ltx2(tmp_path).caption, model.caption)  # now from the file
