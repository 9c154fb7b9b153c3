"""Full-size families, with tiny random weights of their own classes saved and loaded from disk."""

import inspect
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import LTX2InContextPipeline, LTXImageToVideoPipeline
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from diffusers.pipelines.ltx2.utils import DISTILLED_SIGMA_VALUES
from safetensors.torch import load_file, save_file

from synclora_course.tiny_ltx import tiny_model
from synclora_course.tiny_ltx2 import TINY, save_tiny_ltx2, tiny_ltx2
from synclora_lite.core import latent_frame_starts
from synclora_lite.editing import Edit, ModelSource, edit_settings, edit_video
from synclora_lite.errors import ArtifactError, ConfigError, EditError, ModelError
from synclora_lite.models import (
    AdapterSettings,
    add_adapter,
    load_model,
    read_weights,
    save_adapter,
    save_model,
)
from synclora_lite.models.captions import kept_caption
from synclora_lite.models.folders import is_ltx2, model_folder, stock_positions, stored_sha256
from synclora_lite.models.formats import PREFIXES, to_format
from synclora_lite.models.latents import legal_size
from synclora_lite.models.ltx2 import (
    Adapter,
    choose_offload,
    edit_ltx2,
    load_ltx2,
    padded_caption,
    recompress,
)
from synclora_lite.models.ltx2_sampling import DEV_GUIDANCE, LTX2Sampling
from synclora_lite.portraits import held_out, render_clip
from synclora_lite.video import Clip

DEV = LTX2Sampling(distilled=False, steps=1, crf=0)
DISTILLED = LTX2Sampling(distilled=True, crf=0)
BLOCK = ("attn1.to_q", "attn1.to_out.0", "ff.net.0.proj", "audio_to_video_attn.to_k")
OUTSIDE = ("proj_in", "time_embed.linear", "av_cross_attn_video_a2v_gate.linear")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny LTX-2.3 on disk, with the constant caption cached."""
    return save_tiny_ltx2(tmp_path_factory.mktemp("ltx2"))


@pytest.fixture(scope="module")
def weights(folder):
    """An adapter for it, under plain names, on layers inside and outside the blocks."""
    generator = torch.Generator().manual_seed(2)
    made = {}
    for name, module in tiny_ltx2().transformer.named_modules():
        if name in OUTSIDE or name.endswith(BLOCK):
            rows, columns = module.weight.shape
            made[f"{name}.lora_A.weight"] = 0.2 * torch.randn(4, columns, generator=generator)
            made[f"{name}.lora_B.weight"] = 0.2 * torch.randn(rows, 4, generator=generator)
    return made


@pytest.fixture(scope="module")
def case():
    """A clip of a portrait at 12 frames a second, and its first frame with another hat."""
    drawn = held_out(0, 1, frames=7)[0]
    source, edited = (render_clip(who, drawn.motion, 96) for who in (drawn.source, drawn.edited))
    return Clip(source, 12.0, Path("sound.wav"), 0.5), edited[0]


def clip(seed, frames=9, height=64, width=64):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (frames, height, width, 3), dtype=np.uint8)


def edit(source, first, *, model, adapter="lite-adapter", **options) -> Edit:
    origin = ModelSource(model, (str(adapter),))
    return edit_video(source, first, edit_settings(options), origin)


# --- LTX-2 edits


def test_an_ltx2_edit_depends_on_the_source_only_through_the_reference(folder):
    assert is_ltx2(folder)
    model, frame = load_ltx2(folder), clip(9)[0]
    first, again, second = (edit_ltx2(model, clip(s), frame, DEV) for s in (1, 1, 2))
    assert first.shape == (9, 64, 64, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
    unseen = replace(DEV, reference_strength=0.0)
    blind = [edit_ltx2(model, clip(s), frame, unseen) for s in (1, 2)]
    assert np.array_equal(*blind)


def test_the_same_call_edits_with_ltx2_and_keeps_rate_length_and_sound(
    folder, weights, case, tmp_path
):
    source, first = case
    save_file(to_format(weights, "comfyui"), tmp_path / "released.safetensors")
    options = {"model": folder, "adapter": tmp_path / "released.safetensors", "steps": 1}
    made = edit(source, first, **options)
    assert made.clip.frames.shape == source.frames.shape
    assert (made.clip.fps, made.clip.start) == (12.0, 0.5)
    assert made.clip.audio == Path("sound.wav")  # not the sound that LTX-2 invents
    assert np.array_equal(made.clip.frames[0], first)
    assert made.report["model_input"] == {"frames": 15, "height": 64, "width": 64, "fps": 25.0}
    assert len(made.report["seams"]) == 2  # 15 frames by windows of 9 that share 4
    origin = made.report["provenance"]
    assert origin["weights"][f"{tmp_path.name}/released.safetensors"]
    assert "transformer/diffusion_pytorch_model.safetensors" in origin["weights"]
    plain = edit(source, first, method="i2v", model=folder, steps=1)
    assert not np.array_equal(plain.clip.frames, made.clip.frames)


def test_a_clip_that_is_one_frame_at_the_rate_of_ltx2_is_edited(folder, case):
    source, first = case
    short = Clip(source.frames[:2], 60.0)
    made = edit(short, first, method="i2v", model=folder, steps=1)
    assert made.report["model_input"]["frames"] == 1
    assert made.clip.frames.shape == short.frames.shape


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"positions": "causal"}, "unknown setting .*positions; expected frame_rate, side, frames"),
        ({"pipe": 1}, "unknown setting .*pipe"),
        ({"frames": -3}, "frames = -3; expected greater"),
        ({"frames": 1}, "frames = 1; expected greater"),
        ({"side": "x"}, "side = 'x'; expected a valid int"),
        ([], "expected a table"),
    ],
)
def test_settings_of_ltx2_are_checked(folder, tmp_path, settings, message):
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "synclora.json").write_text(json.dumps(settings))
    with pytest.raises(ConfigError, match=message):
        load_ltx2(tmp_path / "copy")


def test_what_ltx2_has_no_place_for_is_refused(folder, weights, case):
    for options, message in (
        ({"method": "sdedit"}, "method sdedit with an LTX-2 model; expected sync-lora or i2v"),
        ({"guidance": 2.0, "adapter": weights}, "guidance 2 with an LTX-2"),
        (
            {"restore": True, "adapter": weights},
            "--restore with an LTX-2 model; expected the lite",
        ),
        ({}, "name it: --adapter SagiPolaczek/LTX-2.3-Sync-LoRA"),
    ):
        with pytest.raises(EditError, match=message):
            edit(*case, model=folder, **options)
    with pytest.raises(ModelError, match=r"no model 'nowhere'; expected lite-adapter"):
        edit(*case, model=folder, adapter="nowhere")


def test_any_length_and_size_are_padded_and_trimmed(folder):
    assert legal_size((7, 40, 70), 8, 32) == (9, 64, 96)
    assert legal_size((9, 64, 96), 8, 32) == (9, 64, 96)
    made = edit_ltx2(load_ltx2(folder), clip(1, 7, 40, 40), clip(2, 1, 40, 40)[0], DEV)
    assert made.shape == (7, 40, 40, 3)


def test_the_reference_of_ltx2_stands_where_the_target_stands(folder, monkeypatch):
    """And both where this package's coordinates put them, which the in-context training uses."""
    model, seen = load_ltx2(folder), []
    original = model.pipe.transformer.forward
    monkeypatch.setattr(
        model.pipe.transformer, "forward", lambda *a, **k: seen.append(k) or original(*a, **k)
    )
    edit_ltx2(model, clip(1, 17), clip(9)[0], DISTILLED)
    coordinates = seen[0]["video_coords"][0, :, :, 0]  # where each patch begins
    target, reference = coordinates.chunk(2, dim=1)
    assert torch.equal(target, reference)
    starts = latent_frame_starts(3, 8) / 25.0
    assert torch.allclose(target[0], starts.repeat_interleave(4))
    ours = tiny_model().coordinates(3, 2, 2)[1:] / 16 * 32
    assert torch.allclose(target[1:], ours)
    assert seen[0]["timestep"].unique().numel() == 2  # noisy, or clean: first frame and reference


# --- settings: the authors' and the official one


def calls(model, monkeypatch):
    """Record what the transformer is given."""
    seen, original = [], model.pipe.transformer.forward
    monkeypatch.setattr(
        model.pipe.transformer, "forward", lambda *a, **k: seen.append(k) or original(*a, **k)
    )
    return seen


def levels(seen):
    """Return the noise levels at which the transformer was called, each once."""
    return list(dict.fromkeys(round(call["sigma"][0].item() / 1000, 5) for call in seen))


def test_method_and_baseline_run_on_the_official_noise_levels(folder, monkeypatch):
    """With the real scheduler's settings, which left alone would count the reference's tokens."""
    model = load_ltx2(folder)
    assert model.scheduler.config.use_dynamic_shifting
    found = []
    for strength in (1.0, 0.0):
        seen = calls(model, monkeypatch)
        how = LTX2Sampling(steps=4, reference_strength=strength, crf=0)
        edit_ltx2(model, clip(1), clip(9)[0], how)
        found.append(levels(seen))
    shifted = np.array([1 / (1 + math.exp(-2.05) * (1 / s - 1)) for s in (1, 0.75, 0.5, 0.25)])
    official = 1 - (1 - shifted) * 0.9 / (1 - shifted[-1])  # stretched to end at 0.1
    assert found[0] == found[1]
    assert found[0] == pytest.approx(official.tolist(), abs=1e-5)


def test_the_distilled_setting_is_eight_levels_without_guidance(folder, monkeypatch):
    model = load_ltx2(folder)
    seen = calls(model, monkeypatch)
    edit_ltx2(model, clip(1), clip(9)[0], DISTILLED)
    assert levels(seen) == pytest.approx(DISTILLED_SIGMA_VALUES, abs=1e-5)
    assert len(seen) == 8
    assert {call["hidden_states"].shape[0] for call in seen} == {1}
    with pytest.raises(EditError, match=r"^4 steps with the distilled setting; expected its 8"):
        edit_ltx2(model, clip(1), clip(9)[0], replace(DISTILLED, steps=4))


def test_the_dev_setting_is_guided_as_the_stock_pipeline_is(folder, monkeypatch):
    """Caption against negative prompt, without self-attention, without the other modality."""
    model = load_ltx2(folder)
    seen = calls(model, monkeypatch)
    edit_ltx2(model, clip(1), clip(9)[0], DEV)
    assert [call["hidden_states"].shape[0] for call in seen[:3]] == [2, 1, 1]
    assert seen[1]["spatio_temporal_guidance_blocks"] == [28]
    assert seen[2]["isolate_modalities"]
    stock = inspect.signature(LTX2InContextPipeline.__call__).parameters
    assert {name: stock[name].default for name in DEV_GUIDANCE} == DEV_GUIDANCE


def test_a_model_made_for_eight_steps_says_so_by_its_scheduler(folder, tmp_path, monkeypatch):
    pipe = tiny_ltx2()
    shutil.copytree(folder, tmp_path / "distilled")
    config = {**pipe.scheduler.config, "use_dynamic_shifting": False, "shift_terminal": None}
    file = tmp_path / "distilled" / "scheduler" / "scheduler_config.json"
    file.write_text(json.dumps(config))
    model = load_ltx2(tmp_path / "distilled")
    seen = calls(model, monkeypatch)
    edit_ltx2(model, clip(1), clip(9)[0], LTX2Sampling(crf=0))
    assert len(seen) == 8


def test_the_dev_setting_needs_the_negative_prompt(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "bare")
    caption = load_file(folder / "caption.safetensors")["caption"]
    save_file({"caption": caption}, tmp_path / "bare" / "caption.safetensors")
    model = load_ltx2(tmp_path / "bare")
    with pytest.raises(ModelError, match=r"no embedding of the negative prompt .*say --distilled"):
        edit_ltx2(model, clip(1), clip(9)[0], DEV)
    assert edit_ltx2(model, clip(1), clip(9)[0], DISTILLED).shape == (9, 64, 64, 3)


def test_a_second_stage_refines_at_twice_the_size_without_reference(
    folder, weights, tmp_path, monkeypatch
):
    for name in ("sync", "distilled"):
        save_file(to_format(weights, "comfyui"), tmp_path / f"{name}.safetensors")
    stacked = [Adapter(tmp_path / "sync.safetensors")]
    stacked.append(Adapter(tmp_path / "distilled.safetensors", 0.5, refines=True))
    LTX2LatentUpsamplerModel(**TINY["upsampler"]).save_pretrained(tmp_path / "up")
    model = load_ltx2(folder, stacked, upsampler=tmp_path / "up")
    seen, weighed = calls(model, monkeypatch), []
    layer = model.pipe.transformer.transformer_blocks[0].attn1.to_q
    layer.register_forward_hook(lambda *_: weighed.append(dict(layer.scaling)))
    made = edit_ltx2(model, clip(1, 9, 128, 128), clip(9, 1, 128, 128)[0], DISTILLED)
    assert made.shape == (9, 128, 128, 3)
    tokens = [call["hidden_states"].shape[1] for call in seen]
    assert tokens == [2 * 2 * 2 * 2] * 8 + [2 * 4 * 4] * 3  # reference only in the first stage
    assert levels(seen)[-3:] == pytest.approx([0.909375, 0.725, 0.421875], abs=1e-5)
    assert weighed[0] == {"adapter_0": 1.0, "adapter_1": 0.5}
    assert weighed[-1] == {"adapter_0": 0.0, "adapter_1": 0.5}
    assert layer.scaling == {"adapter_0": 1.0, "adapter_1": 0.5}


def test_the_edited_frame_is_compressed_as_training_frames_were(folder):
    picture = render_clip(*case_of_one(), 96)[0]
    kept, rough = recompress(picture, 0), recompress(picture, 33)
    assert np.array_equal(kept, picture)
    assert rough.shape == picture.shape
    error = np.abs(rough.astype(int) - picture).mean()
    assert 0.3 < error < 10
    assert np.abs(recompress(picture, 10).astype(int) - picture).mean() < error


def case_of_one():
    drawn = held_out(0, 1, frames=2)[0]
    return drawn.source, drawn.motion


def test_ltx_2_5_is_told_apart(folder, tmp_path):
    for part, value in (
        ("text_encoder", ["transformers", "Gemma4UnifiedForConditionalGeneration"]),
        ("duration_head", ["diffusers", "LTX2DurationHead"]),
    ):
        shutil.copytree(folder, tmp_path / part)
        file = tmp_path / part / "model_index.json"
        index = json.loads(file.read_text()) | {"_class_name": "LTX2Pipeline", part: value}
        file.write_text(json.dumps(index))
        with pytest.raises(ModelError, match=r"is an LTX-2\.5; expected LTX-2 or LTX-2\.3"):
            load_ltx2(tmp_path / part)


# --- adapters


@pytest.mark.parametrize(
    "key_format", ["diffusers", "peft", "comfyui", "kohya", "underscores", "float8", "int8"]
)
def test_an_adapter_file_in_any_layout_is_the_same_adapter(folder, weights, tmp_path, key_format):
    exact = key_format not in ("float8", "int8")
    file = tmp_path / "any.safetensors"
    save_file(stored_as(weights, key_format), file)
    back = read_weights(file, tiny_ltx2().transformer)
    assert back.keys() == weights.keys()
    for name, value in weights.items():
        assert back[name].dtype == torch.float32
        assert torch.allclose(back[name], value, atol=1e-6 if exact else 0.05)


def stored_as(weights, key_format):
    """Return the weights as a tool stores them."""
    if key_format in PREFIXES:
        return to_format(weights, key_format)
    if key_format == "float8":
        return {n: v.to(torch.float8_e4m3fn) for n, v in to_format(weights, "comfyui").items()}
    if key_format == "int8":
        scales = {f"{n}_scale": v.abs().amax(1) / 127 for n, v in weights.items()}
        codes = {n: (v / scales[f"{n}_scale"][:, None]).round().to(torch.int8)
                 for n, v in weights.items()}  # fmt: skip
        return {f"transformer.{name}": value for name, value in (codes | scales).items()}
    stored = {}
    for name, value in weights.items():
        layer, _, factor = name.partition(".lora_")
        down = factor.startswith("A")
        if key_format == "underscores":
            layer = next(iter(to_format({layer: value}, "comfyui"))).split(".", 1)[1]
            layer = f"lora_unet_{layer.replace('.', '_')}"
        stored[f"{layer}.lora_{'down' if down else 'up'}.weight"] = value if down else value / 2
        stored[f"{layer}.alpha"] = torch.tensor(8.0)
    return stored


def test_the_released_layout_is_what_the_stock_loader_reads(folder, weights, tmp_path):
    """By the pipeline's own loader from the layout of the released file, and by ours."""
    released = to_format(weights, "comfyui")
    assert {name.split(".")[0] for name in released} == {PREFIXES["comfyui"].rstrip(".")}
    assert "diffusion_model.patchify_proj.lora_A.weight" in released
    save_file(released, tmp_path / "sync.safetensors")
    stock = load_ltx2(folder)
    stock.pipe.load_lora_weights(dict(released), adapter_name="sync")
    models = (stock, load_ltx2(folder, [Adapter(tmp_path / "sync.safetensors")]))
    edits = [edit_ltx2(m, clip(1), clip(9)[0], DEV) for m in models]
    assert np.array_equal(*edits)
    assert not np.array_equal(edits[0], edit_ltx2(load_ltx2(folder), clip(1), clip(9)[0], DEV))


def test_stacked_adapters_of_any_rank_add_up(folder, weights, tmp_path):
    """Half of one whose layers differ in rank and half of its copy are the whole."""
    mixed = {}
    for number, (name, value) in enumerate(weights.items()):
        low = number // 2 % 2  # both factors of every second layer
        mixed[name] = (value[:2] if ".lora_A." in name else value[:, :2]).clone() if low else value
    for name in ("one", "two"):
        save_file(mixed, tmp_path / f"{name}.safetensors")
    one, two = (tmp_path / f"{name}.safetensors" for name in ("one", "two"))
    whole = load_ltx2(folder, [Adapter(one)])
    halves = load_ltx2(folder, [Adapter(one, 0.5), Adapter(two, 0.5)])
    a, b = (edit_ltx2(m, clip(1), clip(9)[0], DEV).astype(int) for m in (whole, halves))
    assert np.abs(a - b).max() <= 1
    layer = whole.pipe.transformer.transformer_blocks[0].attn1.to_q
    name = "transformer_blocks.0.attn1.to_q"
    update = mixed[f"{name}.lora_B.weight"] @ mixed[f"{name}.lora_A.weight"]
    assert torch.allclose(layer.get_delta_weight("adapter_0"), update, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("transformer_blocks.0.attn1.to_q.lokr_w1", torch.ones(2, 2), "a LoKr adapter"),
        ("transformer_blocks.0.attn1.to_q.hada_w1_a", torch.ones(2, 2), "a LoHa adapter"),
        ("transformer_blocks.0.attn1.to_q.dora_scale", torch.ones(2), "a DoRA adapter"),
        ("transformer_blocks.0.attn1.to_q.lora_magnitude_vector", torch.ones(2), "a DoRA"),
        ("transformer_blocks.0.attn1.to_q.lora_A.weight", torch.ones(4, 32, dtype=torch.int8),
         "whole numbers without a scale"),
        ("transformer_blocks.0.attn1.to_q.lora_A.weight", torch.ones(4, 7), "has 7 channels"),
        ("lora_unet_blocks_0_attn1_to_q.lora_down.weight", torch.ones(4, 7), "no layer of this"),
    ],
)  # fmt: skip
def test_what_is_no_lora_for_the_model_is_one_short_line(weights, tmp_path, name, value, message):
    save_file(weights | {name: value}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=message) as error:
        read_weights(tmp_path / "other.safetensors", tiny_ltx2().transformer)
    assert len(str(error.value)) < 300


def test_an_adapter_for_another_model_is_refused(folder, weights, tmp_path):
    strange = {name.replace("blocks.1", "blocks.7"): value for name, value in weights.items()}
    save_file(strange, tmp_path / "a.safetensors")
    with pytest.raises(ModelError, match=r"of 34 weights of a\.safetensors have no place \(transf"):
        load_ltx2(folder, [Adapter(tmp_path / "a.safetensors")])


def test_how_many_layers_an_adapter_covers_is_in_the_report(folder, weights, case, tmp_path):
    part = {name: value for name, value in weights.items() if "blocks.0.attn1.to_q." in name}
    save_file(part, tmp_path / "part.safetensors")
    made = edit(*case, model=folder, adapter=f"{tmp_path / 'part.safetensors'}:0.5", steps=1)
    assert made.report["adapters"] == [
        {"name": "part", "strength": 0.5, "covers": "1 of 12 layers"}
    ]
    assert "the adapter covers 1 of 12 layers" in made.report["warnings"]


def test_the_size_of_the_reference_is_obeyed_where_an_adapter_names_one(
    folder, weights, tmp_path, monkeypatch
):
    file = tmp_path / "half.safetensors"
    save_file(weights, file, metadata={"reference_downscale_factor": "2"})
    model = load_ltx2(folder, [Adapter(file)])
    seen = calls(model, monkeypatch)
    edit_ltx2(model, clip(1), clip(9)[0], DISTILLED)
    assert seen[0]["hidden_states"].shape[1] == 2 * (4 + 1)
    for metadata, message in (
        ({"reference_temporal_scale_factor": "2"}, "reference of every frame"),
        ({"reference_downscale_factor": "x"}, "a whole number from 1 to 32"),
    ):
        save_file(weights, file, metadata=metadata)
        with pytest.raises(ModelError, match=message):
            load_ltx2(folder, [Adapter(file)])


# --- folders and names


def test_a_stock_folder_of_ltx_video_edits_portraits_of_any_kind(case, tmp_path):
    """As downloaded: no file of ours in it; only the caption was computed."""
    model = tiny_model(positions="uniform")
    pipe = LTXImageToVideoPipeline(
        vae=model.vae,
        transformer=model.transformer,
        scheduler=model.scheduler,
        text_encoder=None,
        tokenizer=None,
    )
    pipe.save_pretrained(tmp_path / "stock")
    save_file({"caption": model.caption}, tmp_path / "stock" / "caption.safetensors")
    (tmp_path / "stock" / "domain.json").write_text('{"side": 64, "frames": 9, "limit": 100}')
    settings = AdapterSettings(rank=2)
    add_adapter(model.transformer, settings)
    save_adapter(model.transformer, settings, tmp_path / "adapter", key_format="comfyui")
    options = {"model": tmp_path / "stock", "adapter": tmp_path / "adapter", "steps": 1}
    made = edit(*case, **options)
    assert made.clip.frames.shape == case[0].frames.shape
    assert made.report["provenance"]["model"] == "stock"


def test_each_family_names_the_other_loader(folder, tmp_path):
    with pytest.raises(ModelError, match=r"is an LTX-2 model; .* use load_ltx2"):
        load_model(folder)
    with pytest.raises(ModelError, match="is no LTX-2 model"):
        load_ltx2(save_model(tiny_model(), tmp_path / "m"))


def test_a_hub_name_is_looked_up_in_the_local_cache_only(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    place = tmp_path / "models--owner--model"
    snapshot = save_model(tiny_model(), place / "snapshots" / ("0" * 40))
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("0" * 40)
    assert load_model("owner/model").name == "model"
    with pytest.raises(ModelError, match=r"no model 'ltie'; .*`lite`"):
        model_folder("ltie")
    with pytest.raises(
        ModelError, match=r"downloaded hub model; .* hf download owner/other --incl"
    ):
        model_folder("owner/other")
    (snapshot / "model_index.json").unlink()
    with pytest.raises(ModelError, match=r"owner/model holds no model_index\.json"):
        model_folder("owner/model")


def test_files_of_the_hub_cache_are_known_by_their_names(tmp_path):
    blob = tmp_path / "blobs" / ("a" * 64)
    blob.parent.mkdir()
    blob.write_bytes(b"not read")
    (tmp_path / "model.safetensors").symlink_to(blob)
    assert stored_sha256(tmp_path / "model.safetensors") == "a" * 64
    (tmp_path / "own.safetensors").write_bytes(b"")
    assert stored_sha256(tmp_path / "own.safetensors").startswith("e3b0c442")


def test_a_folder_says_where_its_latent_frames_start(tmp_path):
    for name, positions in (
        ("LTXPipeline", "uniform"),
        ("LTXImageToVideoPipeline", "uniform"),
        ("LTXConditionPipeline", "causal"),
    ):
        (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": name}))
        assert stock_positions(tmp_path) == positions


def test_a_spoiled_index_or_caption_is_refused_in_one_line(tmp_path):
    model = save_model(tiny_model(), tmp_path / "model")
    save_file({"mask": torch.ones(1)}, model / "caption.safetensors")
    with pytest.raises(ArtifactError, match=r"caption\.safetensors holds no caption"):
        load_model(model)
    (model / "model_index.json").write_text("[]")
    with pytest.raises(ModelError, match=r"model_index\.json is no table"):
        load_model(model)


# --- captions and memory


def test_an_embedding_is_kept_beside_the_model_or_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNCLORA_CACHE", str(tmp_path / "cache"))
    (tmp_path / "model" / "text_encoder").mkdir(parents=True)
    calls = []

    def embed(folder, dtype):
        calls.append(dtype)
        return {"caption": torch.ones(1, 2, 3)}

    monkeypatch.setattr("os.access", lambda *_: False)
    for _ in range(2):
        assert kept_caption(tmp_path / "model", embed)["caption"].shape == (1, 2, 3)
    assert calls == [torch.float32]
    assert not (tmp_path / "model" / "caption.safetensors").exists()
    assert len(list((tmp_path / "cache" / "captions").iterdir())) == 1


def test_only_true_tokens_are_kept_and_padding_does_not_matter():
    connectors = tiny_ltx2().connectors
    caption = torch.randn(1, 3, 24, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[0, 0, 0, 0, 0, 1, 1, 1]])
    full, found = padded_caption({"caption": caption, "mask": mask})
    other = torch.where(mask[..., None].bool(), full, torch.full_like(full, 7.0))
    made = [connectors(embedding, found)[0] for embedding in (full, other)]
    assert torch.equal(*made)


def test_what_waits_in_main_memory_depends_on_the_gpu():
    parts = {"transformer": 38e9, "connectors": 6e9, "vae": 2e9}
    assert [choose_offload(parts, free) for free in (80e9, 48e9, 24e9)] == [
        "none",
        "parts",
        "layers",
    ]


def test_the_first_frame_is_compressed_as_officially():
    from diffusers.pipelines.ltx2.utils import DEFAULT_IMAGE_CRF

    assert LTX2Sampling().crf == DEFAULT_IMAGE_CRF
