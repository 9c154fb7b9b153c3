"""Full-size families, with tiny random weights of their own classes saved and loaded from disk."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import LTXImageToVideoPipeline
from safetensors.torch import save_file

from synclora_lite.core import latent_frame_starts
from synclora_lite.editing import edit_video
from synclora_lite.errors import ArtifactError, ConfigError, EditError, ModelError
from synclora_lite.i2v import load_model, save_model, tiny_model
from synclora_lite.i2v.captions import kept_caption
from synclora_lite.i2v.folders import is_ltx2, model_folder, stock_positions, stored_sha256
from synclora_lite.i2v.full import choose_offload, edit_ltx2, load_ltx2, padded_caption
from synclora_lite.i2v.latents import legal_size
from synclora_lite.i2v.ltx2_sizes import save_tiny_ltx2, tiny_ltx2
from synclora_lite.incontext import AdapterSettings, add_adapter, read_weights, save_adapter
from synclora_lite.incontext.formats import PREFIXES, to_format
from synclora_lite.portraits import held_out, render_clip
from synclora_lite.video import Clip

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


# --- LTX-2 edits


def test_an_ltx2_edit_depends_on_the_source_only_through_the_reference(folder):
    assert is_ltx2(folder)
    model, frame = load_ltx2(folder), clip(9)[0]
    first, again, second = (edit_ltx2(model, clip(s), frame, steps=2) for s in (1, 1, 2))
    assert first.shape == (9, 64, 64, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
    blind = [edit_ltx2(model, clip(s), frame, steps=2, reference_strength=0.0) for s in (1, 2)]
    assert np.array_equal(*blind)


def test_the_same_call_edits_with_ltx2_and_keeps_rate_length_and_sound(
    folder, weights, case, tmp_path
):
    source, first = case
    save_file(to_format(weights, "comfyui"), tmp_path / "released.safetensors")
    options = {"model": folder, "adapter": tmp_path / "released.safetensors", "steps": 1}
    edit = edit_video(source, first, **options)
    assert edit.clip.frames.shape == source.frames.shape
    assert (edit.clip.fps, edit.clip.start) == (12.0, 0.5)
    assert edit.clip.audio == Path("sound.wav")  # not the sound that LTX-2 invents
    assert np.array_equal(edit.clip.frames[0], first)
    assert edit.report["model_input"] == {"frames": 15, "height": 64, "width": 64, "fps": 25.0}
    assert len(edit.report["seams"]) == 2  # 15 frames by windows of 9 that share 4
    origin = edit.report["provenance"]
    assert origin["weights"][f"{tmp_path.name}/released.safetensors"]
    assert "transformer/diffusion_pytorch_model.safetensors" in origin["weights"]
    plain = edit_video(source, first, method="i2v", model=folder, steps=1)
    assert not np.array_equal(plain.clip.frames, edit.clip.frames)


def test_a_clip_that_is_one_frame_at_the_rate_of_ltx2_is_edited(folder, case):
    source, first = case
    short = Clip(source.frames[:2], 60.0)
    edit = edit_video(short, first, method="i2v", model=folder, steps=1, measure=False)
    assert edit.report["model_input"]["frames"] == 1
    assert edit.clip.frames.shape == short.frames.shape


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


def test_what_ltx2_has_no_place_for_is_refused(folder, case):
    for options, message in (
        ({"method": "sdedit"}, "method sdedit with an LTX-2 model; expected sync-lora or i2v"),
        ({"sync_guidance": 2.0, "adapter": "x"}, "sync guidance 2 with an LTX-2"),
        ({"warm": 0.5, "adapter": "x"}, "--warm with an LTX-2 model; expected the lite model"),
        ({}, "name it: --adapter SagiPolaczek/LTX-2.3-Sync-LoRA"),
    ):
        with pytest.raises(EditError, match=message):
            edit_video(*case, model=folder, **options)
    with pytest.raises(ModelError, match=r"no model 'nowhere'; expected lite-adapter"):
        edit_video(*case, model=folder, adapter="nowhere")


def test_any_length_and_size_are_padded_and_trimmed(folder):
    assert legal_size((7, 40, 70), 8, 32) == (9, 64, 96)
    assert legal_size((9, 64, 96), 8, 32) == (9, 64, 96)
    made = edit_ltx2(load_ltx2(folder), clip(1, 7, 40, 40), clip(2, 1, 40, 40)[0], steps=1)
    assert made.shape == (7, 40, 40, 3)


def test_the_reference_of_ltx2_stands_where_the_target_stands(folder, monkeypatch):
    """And both where this package's coordinates put them, which the in-context training uses."""
    model, seen = load_ltx2(folder), []
    original = model.pipe.transformer.forward
    monkeypatch.setattr(
        model.pipe.transformer, "forward", lambda *a, **k: seen.append(k) or original(*a, **k)
    )
    edit_ltx2(model, clip(1, 17), clip(9)[0], steps=1)
    coordinates = seen[0]["video_coords"][0, :, :, 0]  # where each patch begins
    target, reference = coordinates.chunk(2, dim=1)
    assert torch.equal(target, reference)
    starts = latent_frame_starts(3, 8) / 25.0
    assert torch.allclose(target[0], starts.repeat_interleave(4))
    ours = tiny_model().coordinates(3, 2, 2)[1:] / 16 * 32
    assert torch.allclose(target[1:], ours)
    assert seen[0]["timestep"].unique().numel() == 2  # noisy, or clean: first frame and reference


# --- adapters


@pytest.mark.parametrize("key_format", ["diffusers", "peft", "comfyui", "kohya"])
def test_an_adapter_file_in_any_layout_gives_ltx2_the_same_edit(
    folder, weights, tmp_path, key_format
):
    stored = weights
    if key_format == "kohya":
        names = {"lora_A": "lora_down", "lora_B": "lora_up"}
        renamed = {n.replace(*pair): v for n, v in weights.items() for pair in names.items()
                   if pair[0] in n}  # fmt: skip
        alphas = {n.rsplit(".lora_", 1)[0] + ".alpha": torch.tensor(8.0) for n in weights}
        halved = {n: v / 2 if "lora_up" in n else v for n, v in renamed.items()}
        stored = {f"diffusion_model.{n}": v for n, v in (halved | alphas).items()}
    else:
        stored = to_format(weights, key_format)
    save_file(stored, tmp_path / "any.safetensors")
    back = read_weights(tmp_path / "any.safetensors")
    assert back.keys() == weights.keys()
    assert all(torch.allclose(back[name], value) for name, value in weights.items())


def test_the_released_layout_is_what_the_stock_loader_reads(folder, weights):
    """By the pipeline's own loader from the layout of the released file, and by ours."""
    released = to_format(weights, "comfyui")
    assert {name.split(".")[0] for name in released} == {PREFIXES["comfyui"].rstrip(".")}
    assert "diffusion_model.patchify_proj.lora_A.weight" in released
    stock = load_ltx2(folder)
    stock.pipe.load_lora_weights(dict(released), adapter_name="sync")
    edits = [
        edit_ltx2(m, clip(1), clip(9)[0], steps=1) for m in (stock, load_ltx2(folder, weights))
    ]
    assert np.array_equal(*edits)
    assert not np.array_equal(edits[0], edit_ltx2(load_ltx2(folder), clip(1), clip(9)[0], steps=1))


def test_an_adapter_for_another_model_is_refused(folder, weights):
    strange = {name.replace("blocks.1", "blocks.7"): value for name, value in weights.items()}
    with pytest.raises(ModelError, match=r"of 34 adapter weights have no place \(transformer_b"):
        load_ltx2(folder, strange)


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
    edit = edit_video(*case, **options)
    assert edit.clip.frames.shape == case[0].frames.shape
    assert edit.report["provenance"]["model"] == "stock"


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
