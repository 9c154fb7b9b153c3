"""Training for LTX-2.3, held to its stock pipeline on a tiny model of the same classes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open

from synclora_course.estimate.metering import peak_memory
from synclora_course.tiny_ltx2 import save_tiny_ltx2, tiny_ltx2
from synclora_lite.errors import ConfigError, ModelError
from synclora_lite.files import PROJECT
from synclora_lite.models.ltx2 import Adapter, edit_ltx2, load_ltx2
from synclora_lite.models.ltx2_sampling import LTX2Sampling
from synclora_lite.pairs import add_files, read_manifest
from synclora_lite.tensors import read_tensors
from synclora_lite.training import LoopConfig, adapter_recipe, load_config, train
from synclora_lite.training.bank import seeded
from synclora_lite.training.config import LTX2Config
from synclora_lite.training.frozen import Int8Linear, place
from synclora_lite.training.ltx2 import cache_context, ltx2_loss
from synclora_lite.video import Clip, read_clip, write_clip

QUICK = LTX2Sampling(distilled=True, crf=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny_ltx2(tmp_path_factory.mktemp("ltx2"))


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """Three pairs of clips, one of them wide."""
    place_, rng = tmp_path_factory.mktemp("clips"), np.random.default_rng(0)
    for k, size in enumerate(((64, 64), (64, 128), (64, 64))):
        clips = [rng.integers(0, 256, (9, *size, 3), dtype=np.uint8) for _ in range(2)]
        files = [write_clip(place_ / f"{k}-{n}.mp4", Clip(c, 25.0)) for n, c in enumerate(clips)]
        add_files(place_ / "pairs", *files)
    return place_ / "pairs"


def config(bank, folder, steps=2, **changes):
    quick = {"batch": 1, "warmup": 1, "validate_every": 0, "checkpoint_every": 10}
    loop = LoopConfig(steps, **quick, lr=1e-2, schedule="constant", log_every=1)
    made = LTX2Config(loop, bank, str(folder), side=64, frames=9, rank=4, validation_clips=0)
    return replace(made, **changes)


def gradients(wanted, index=0):
    recipe = adapter_recipe(wanted)
    with torch.no_grad():  # a fresh adapter has no gradient on its first factor
        for name, parameter in recipe.parameters.items():
            if "lora_B" in name:
                shape, generator = parameter.shape, seeded(len(name))
                parameter.add_(0.1 * torch.randn(shape, generator=generator))
    loss, _ = recipe.loss(index, seeded(0, index))
    loss.backward()
    return {name: p.grad for name, p in recipe.parameters.items() if p.grad is not None}


def cosine(one, two):
    a, b = (torch.cat([g[name].flatten() for name in one]) for g in (one, two))
    return torch.cosine_similarity(a, b, dim=0)


# --- what the transformer is shown


def test_training_lays_out_the_sequence_as_the_stock_pipeline_does(folder, bank, monkeypatch):
    model = load_ltx2(folder)
    transformer, seen = model.pipe.transformer, []
    original = transformer.forward
    monkeypatch.setattr(transformer, "forward", lambda *a, **k: seen.append(k) or original(*a, **k))
    wanted = config(bank, folder)
    adapter_recipe(wanted)  # encodes
    pair = read_manifest(bank)[0]
    (file,) = (bank / "latents").glob(f"*/{pair.id}-*.safetensors")
    source, edited = read_tensors(file)["latents"].float().unbind(1)
    clips = [read_clip(bank / media.path).frames for media in (pair.source, pair.edited)]
    edit_ltx2(model, clips[0], clips[1][0], QUICK)
    context = cache_context(model, torch.device("cpu"))[-1]
    noise, given = torch.randn(edited.shape, generator=seeded(1)), torch.tensor([True])
    ltx2_loss(transformer, context, 25.0, edited, source, noise, torch.tensor([0.909375]), given)
    stock, ours = seen[5], seen[-1]
    assert torch.equal(ours["video_coords"], stock["video_coords"])
    assert torch.allclose(ours["timestep"], stock["timestep"])
    assert torch.allclose(ours["sigma"], stock["sigma"])
    for name in ("encoder_hidden_states", "encoder_attention_mask"):
        assert torch.equal(ours[name], stock[name])
    fixed = ours["timestep"][0] == 0
    assert int(fixed.sum()) == 4 + 8  # first frame; reference
    for name in ("hidden_states",):
        difference = (ours[name] - stock[name])[0, fixed].abs()
        assert difference.max() < 0.05  # a clip alone and its cached half precision


def test_the_first_frame_and_the_reference_have_no_part_in_the_loss(folder):
    model = load_ltx2(folder)
    context = cache_context(model, torch.device("cpu"))[-1]
    clips = [torch.randn(1, 8, 2, 2, 2, generator=seeded(k)) for k in range(3)]
    losses = []
    for first in (0.0, 5.0):
        noise = clips[2].clone()
        noise[:, :, 0] += first  # noise of a frame that is given is never used
        for given in (True, False):
            level, known = torch.tensor([0.5]), torch.tensor([given])
            transformer = model.pipe.transformer
            losses.append(
                ltx2_loss(transformer, context, 25.0, *clips[:2], noise, level, known).item()
            )
    assert losses[0] == losses[2]
    assert losses[1] != losses[3]


# --- memory


def test_blocks_that_wait_in_main_memory_give_the_same_gradients(bank, folder):
    plain = gradients(config(bank, folder))
    streamed = gradients(config(bank, folder, block_offload=True))
    assert plain.keys() == streamed.keys()
    assert all(torch.allclose(plain[name], streamed[name], atol=1e-6) for name in plain)


def test_one_block_at_a_time_is_on_the_device(folder):
    """From main memory to a device without data: what does not come along could not be used."""
    frozen = tiny_ltx2().transformer.requires_grad_(requires_grad=False)
    blocks = frozen.transformer_blocks
    size = sum(p.numel() * p.element_size() for p in blocks[0].parameters())
    frozen.enable_gradient_checkpointing()
    context = cache_context(load_ltx2(folder), torch.device("cpu"))[-1]
    context = type(context)(*(part.to("meta") for part in vars(context).values()))
    place(frozen, torch.device("meta"), stream=True)
    assert {p.device.type for p in blocks.parameters()} == {"cpu"}
    assert {p.device.type for p in frozen.proj_in.parameters()} == {"meta"}
    clip = torch.empty(1, 8, 2, 2, 2, device="meta")
    level, given = torch.empty(1, device="meta"), torch.ones(1, dtype=torch.bool, device="meta")

    def step():
        assert ltx2_loss(frozen, context, 25.0, clip, clip, clip, level, given).is_meta

    streamed = peak_memory(step)
    place(frozen.to("meta"), torch.device("meta"))
    for block in blocks:
        del block.forward
    whole = peak_memory(step)
    assert 0.9 * size < streamed - whole < 1.2 * size


def test_a_base_in_8_bits_trains_nearly_the_same_adapter(bank, folder):
    exact, coded = (gradients(config(bank, folder, quantise=q)) for q in ("none", "int8"))
    assert {g.dtype for g in coded.values()} == {torch.float32}
    assert 0.98 < cosine(exact, coded) < 1 - 1e-7


def test_a_layer_in_8_bits_multiplies_as_the_layer_did():
    layer = torch.nn.Linear(64, 32)
    x = torch.randn(5, 64, generator=seeded(0), requires_grad=True)
    coded = Int8Linear(layer)
    assert torch.allclose(coded(x), layer(x), atol=0.02)
    (exact,), (rough,) = (torch.autograd.grad(f(x).sum(), x) for f in (layer, coded))
    assert torch.allclose(exact, rough, atol=0.05)
    assert sum(p.numel() * p.element_size() for p in coded.parameters()) < 2 * 64 * 32


# --- runs


def test_a_run_learns_and_what_it_writes_edits(bank, folder, tmp_path):
    """Pairs of two aspects, each encoded once; validation clips; the stock layout of a LoRA."""
    wanted = config(bank, folder, steps=30, validation_clips=1, sample_steps=2)
    wanted = replace(wanted, loop=replace(wanted.loop, validate_every=15, checkpoint_every=15))
    final = train(adapter_recipe(wanted), wanted.loop, tmp_path / "run", progress=False)
    lines = (tmp_path / "run" / "validation.csv").read_text().splitlines()
    assert len(lines) == 3
    held = read_manifest(bank)[-1].id
    shown = read_clip(tmp_path / "run" / "samples" / "step-00000030" / f"{held}.mp4")
    assert shown.frames.shape == (9, 64, 3 * 64, 3)
    files = {f.stem: read_tensors(f)["latents"].shape for f in
             (bank / "latents").glob("*/*.safetensors")}  # fmt: skip
    assert sorted(tuple(shape[-2:]) for shape in files.values()) == [(1, 3), (2, 2), (2, 2)]
    with safe_open(final / "adapter.safetensors", framework="pt") as stored:
        names, metadata = set(stored.keys()), stored.metadata()
    assert "diffusion_model.transformer_blocks.0.attn1.to_q.lora_A.weight" in names
    assert metadata["reference_downscale_factor"] == "1"
    clip = np.random.default_rng(1).integers(0, 256, (9, 64, 64, 3), dtype=np.uint8)
    trained = load_ltx2(folder, [Adapter(final / "adapter.safetensors")])
    assert (trained.covered[0].layers, trained.covered[0].usual) == (20, 20)
    edits = [edit_ltx2(m, clip, clip[0], QUICK) for m in (trained, load_ltx2(folder))]
    assert not np.array_equal(*edits)


def test_a_run_learns(bank, folder):
    recipe = adapter_recipe(config(bank, folder))
    optimizer = torch.optim.AdamW(recipe.parameters.values(), lr=1e-2)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss, _ = recipe.loss(0, seeded(0))  # one batch again and again
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_a_stopped_run_goes_on_to_the_same_bits(bank, folder, tmp_path):
    for name, stops in (("once", (4,)), ("twice", (2, 4))):
        for steps in stops:
            wanted = config(bank, folder, steps=steps)
            train(adapter_recipe(wanted), wanted.loop, tmp_path / name, progress=False)
    once, twice = (
        read_tensors(tmp_path / name / "final" / "adapter.safetensors")
        for name in ("once", "twice")
    )
    assert all(torch.equal(once[name], twice[name]) for name in once)


def test_settings_that_make_no_sense_are_refused(bank, folder):
    two = replace(config(bank, folder).loop, batch=2)
    with pytest.raises(ConfigError, match=r"^batch = 2; expected 1: pairs differ in size"):
        adapter_recipe(config(bank, folder, loop=two))
    with pytest.raises(ModelError, match=r"^no layer is named to_all; expected endings"):
        adapter_recipe(config(bank, folder, targets=("to_all",)))


def test_the_configuration_that_comes_with_the_project_is_one_for_ltx_2_3():
    found, out = load_config(PROJECT / "configs" / "full-size-ltx2.toml")
    assert isinstance(found, LTX2Config)
    assert (found.model, found.first_frame) == ("diffusers/LTX-2.3-Diffusers", 1.0)
    assert found.loop.checkpointing
    assert out.name == "ltx-2.3"


def test_the_command_trains_by_that_recipe(bank, folder, tmp_path):
    file = tmp_path / "run.toml"
    file.write_text(
        f'recipe = "ltx-2"\nout = "{tmp_path / "out"}"\nbank = "{bank}"\nmodel = "{folder}"\n'
        "side = 64\nframes = 9\nrank = 2\nvalidation_clips = 0\n[loop]\nsteps = 1\nbatch = 1\n"
    )
    found, out = load_config(file)
    assert (
        train(adapter_recipe(found), found.loop, out, progress=False) / "adapter.safetensors"
    ).exists()
