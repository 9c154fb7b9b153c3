"""Full-size families, with tiny random weights of their own classes saved and loaded from disk."""

import numpy as np
import pytest
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
from safetensors.torch import save_file

from synclora_lite.errors import ModelError
from synclora_lite.i2v import load_model, save_model, tiny_model
from synclora_lite.i2v.folders import model_folder, stock_positions
from synclora_lite.i2v.full import edit_ltx2, is_ltx2, load_ltx2
from synclora_lite.i2v.latents import legal_size
from synclora_lite.incontext import to_format

V23 = {  # what LTX-2.3 switches on
    "gated_attn": True,
    "audio_gated_attn": True,
    "cross_attn_mod": True,
    "audio_cross_attn_mod": True,
    "use_prompt_embeddings": False,
    "perturbed_attn": True,
    "rope_type": "split",
}


def connectors():
    sizes = {
        f"{kind}_connector_{what}": value
        for kind, dim in (("video", 16), ("audio", 8))
        for what, value in {
            "num_attention_heads": 2,
            "attention_head_dim": dim,
            "num_layers": 1,
            "num_learnable_registers": None,
        }.items()
    }
    return LTX2TextConnectors(
        **sizes,
        per_modality_projections=True,
        video_gated_attn=True,
        audio_gated_attn=True,
        proj_bias=True,
        caption_channels=8,
        text_proj_in_factor=3,
        connector_rope_base_seq_len=32,
        rope_type="split",
        video_hidden_dim=32,
        audio_hidden_dim=16,
    )


def audio():
    vae = AutoencoderKLLTX2Audio(
        base_channels=4,
        output_channels=2,
        ch_mult=(1,),
        num_res_blocks=1,
        attn_resolutions=None,
        in_channels=2,
        resolution=32,
        latent_channels=2,
        norm_type="pixel",
        causality_axis="height",
        mid_block_add_attention=False,
        sample_rate=16000,
        mel_hop_length=160,
        mel_bins=8,
    )
    vocoder = LTX2Vocoder(
        in_channels=16,
        hidden_channels=16,
        out_channels=2,
        upsample_kernel_sizes=[4, 4],
        upsample_factors=[2, 2],
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1, 3, 5]],
        output_sampling_rate=16000,
    )
    return {"audio_vae": vae, "vocoder": vocoder}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny LTX-2.3 on disk, with the constant caption cached."""
    torch.manual_seed(0)
    transformer = LTX2VideoTransformer3DModel(
        **V23,
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=16,
        cross_attention_dim=32,
        audio_in_channels=4,
        audio_out_channels=4,
        audio_num_attention_heads=2,
        audio_attention_head_dim=8,
        audio_cross_attention_dim=16,
        num_layers=2,
        caption_channels=32,
    )
    vae = AutoencoderKLLTX2Video(
        latent_channels=8,
        block_out_channels=(8, 16, 32, 64),
        decoder_block_out_channels=(8, 16, 32),
        layers_per_block=(1,) * 5,
        decoder_layers_per_block=(1,) * 4,
        spatial_compression_ratio=32,
        temporal_compression_ratio=8,
    )
    pipe = LTX2InContextPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=vae,
        text_encoder=None,
        tokenizer=None,
        connectors=connectors(),
        transformer=transformer,
        **audio(),
    )
    place = tmp_path_factory.mktemp("ltx2")
    pipe.save_pretrained(place)
    save_file({"caption": torch.randn(1, 4, 24)}, place / "caption.safetensors")
    return place


def clip(seed, frames=9, height=64, width=64):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (frames, height, width, 3), dtype=np.uint8)


def test_an_ltx2_edit_depends_on_the_source_only_through_the_reference(folder):
    assert is_ltx2(folder)
    model, frame = load_ltx2(folder), clip(9)[0]
    first, again, second = (edit_ltx2(model, clip(s), frame, steps=2) for s in (1, 1, 2))
    assert first.shape == (9, 64, 64, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
    blind = [edit_ltx2(model, clip(s), frame, steps=2, reference_strength=0.0) for s in (1, 2)]
    assert np.array_equal(*blind)


def test_any_length_and_size_are_padded_and_trimmed(folder):
    assert legal_size((7, 40, 70), 8, 32) == (9, 64, 96)
    assert legal_size((9, 64, 96), 8, 32) == (9, 64, 96)
    made = edit_ltx2(load_ltx2(folder), clip(1, 7, 40, 40), clip(2, 1, 40, 40)[0], steps=1)
    assert made.shape == (7, 40, 40, 3)


@pytest.mark.parametrize("key_format", ["diffusers", "comfyui"])
def test_an_adapter_file_in_any_format_changes_the_edit(folder, tmp_path, key_format):
    model = load_ltx2(folder)
    generator = torch.Generator().manual_seed(2)
    weights = {}
    for name, module in model.pipe.transformer.named_modules():
        if name.startswith("transformer_blocks") and name.endswith("attn1.to_q"):
            rows, columns = module.weight.shape
            weights[f"{name}.lora_A.weight"] = torch.randn(4, columns, generator=generator)
            weights[f"{name}.lora_B.weight"] = torch.randn(rows, 4, generator=generator)
    save_file(to_format(weights, key_format), tmp_path / "adapter.safetensors")
    adapted = load_ltx2(folder, tmp_path / "adapter.safetensors")
    plain, changed = (edit_ltx2(m, clip(1), clip(9)[0], steps=1) for m in (model, adapted))
    assert not np.array_equal(plain, changed)


def test_each_family_names_the_other_loader(folder, tmp_path):
    with pytest.raises(ModelError, match=r"is an LTX-2 model; .* use load_ltx2"):
        load_model(folder)
    with pytest.raises(ModelError, match="is no LTX-2 model"):
        load_ltx2(save_model(tiny_model(), tmp_path / "m"))


def test_a_name_that_is_nowhere_is_a_clear_error(monkeypatch):
    with pytest.raises(ModelError, match=r"no model 'ltie'; .* name `lite`, a folder"):
        model_folder("ltie")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"nobody/nothing cannot be downloaded"):
        model_folder("nobody/nothing")


def test_a_folder_says_where_its_latent_frames_start(tmp_path):
    for name, positions in (
        ("LTXImageToVideoPipeline", "uniform"),
        ("LTXConditionPipeline", "causal"),
    ):
        (tmp_path / "model_index.json").write_text(f'{{"_class_name": "{name}"}}')
        assert stock_positions(tmp_path) == positions
