"""What a large model on a GPU needs, held to the plain run on small ones."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from synclora_course.tiny_ltx import tiny_model
from synclora_lite.errors import ConfigError, ModelError, TrainingError
from synclora_lite.files import PROJECT
from synclora_lite.models import load_adapter, load_model, save_model
from synclora_lite.models.precision import awake
from synclora_lite.pairs import import_pairs
from synclora_lite.training import (
    AdapterConfig,
    LoopConfig,
    Recipe,
    adapter_recipe,
    load_config,
    read_log,
    train,
    write_shard,
)
from synclora_lite.training.bank import seeded
from synclora_lite.training.checkpoint import checkpoints
from synclora_lite.training.optimizer import make_optimizers, optimizer_state, restore_optimizer
from synclora_lite.training.pair_latents import covered, pair_latents
from synclora_lite.training.processes import share
from synclora_lite.video import Clip, write_clip


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_model(tiny_model(), tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    place = tmp_path_factory.mktemp("bank")
    write_shard(place / "pairs-0.safetensors", latents=noise(8, 2, 8, 3, 2, 2).half())
    return place


def config(bank, folder, steps=4, **loop):
    quick = {"batch": 2, "warmup": 2, "checkpoint_every": 2, "validate_every": 0, "log_every": 1}
    settings = LoopConfig(steps, **{**quick, **loop})
    return AdapterConfig(settings, bank, model=str(folder), rank=4, validation_clips=0)


def weights(path):
    return load_file(path / "final" / "adapter.safetensors")


def gradients(wanted):
    """Return the gradients of one batch."""
    recipe = adapter_recipe(wanted)
    loss, _ = recipe.loss(0, seeded(0, 0))
    loss.backward()
    return {n: p.grad for n, p in recipe.parameters.items() if p.grad is not None}


# --- memory: checkpointing, half precision, idle parts, eight bits


def test_checkpointing_gives_the_same_gradients(bank, folder):
    plain, again = (gradients(config(bank, folder, checkpointing=c)) for c in (False, True))
    assert plain.keys() == again.keys()
    assert all(torch.equal(plain[name], again[name]) for name in plain)


def test_a_base_in_half_precision_trains_an_adapter_in_float32(bank, folder):
    exact = gradients(config(bank, folder))
    rough = gradients(replace(config(bank, folder), base="bfloat16"))
    assert {g.dtype for g in rough.values()} == {torch.float32}
    a, b = (torch.cat([g[n].flatten() for n in exact]) for g in (exact, rough))
    assert torch.cosine_similarity(a, b, dim=0) > 0.99


def test_a_step_that_overflows_float16_is_left_out_and_the_scale_halved(tmp_path):
    parameter = torch.nn.Parameter(torch.ones(2))

    def loss(index, _generator):
        return parameter.sum() * (float("inf") if index == 1 else 1.0), {}

    quick = {"warmup": 0, "checkpoint_every": 1, "log_every": 1, "precision": "float16"}
    config = LoopConfig(3, **quick)
    recipe = Recipe({"p": parameter}, loss)
    train(recipe, config, tmp_path, progress=False)
    rows = read_log(tmp_path / "train.csv")
    assert ["skipped" in row for row in rows] == [False, True, False]
    states = [
        load_file(path / "optimizer.safetensors")["loss_scale.scale"].item()
        for path in checkpoints(tmp_path / "checkpoints")
    ]
    assert states == [2.0**11, 2.0**11]
    with pytest.raises(TrainingError, match="loss inf"):  # in other formats it is an error
        train(recipe, replace(config, precision="float32"), tmp_path / "b", progress=False)


def test_a_run_in_float16_resumes_to_the_same_bits(bank, folder, tmp_path):
    for place, stops in (("once", (4,)), ("twice", (2, 4))):
        for steps in stops:
            wanted = config(bank, folder, 4, schedule="constant", precision="float16")
            wanted = replace(wanted, loop=replace(wanted.loop, steps=steps))
            train(adapter_recipe(wanted), wanted.loop, tmp_path / place, progress=False)
    once, twice = (weights(tmp_path / place) for place in ("once", "twice"))
    assert all(torch.equal(once[name], twice[name]) for name in once)


def test_moments_of_eight_bits_are_those_of_bitsandbytes_if_it_is_installed():
    """A quarter of the state, and it goes on after a stop to the same bits."""
    weight, wanted = torch.nn.Parameter(noise(64, 64, seed=1)), LoopConfig(1, optimizer="adamw8bit")
    if find_spec("bitsandbytes") is None:
        with pytest.raises(ConfigError, match="bitsandbytes to be installed; pip install bits"):
            make_optimizers({"w": weight}, wanted)
        return
    (optimizer,) = make_optimizers({"w": weight}, wanted)
    weight.square().sum().backward()
    optimizer.step()
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    state = optimizer_state([optimizer], {"w": weight}, scaler)
    assert sum(t.nbytes for n, t in state.items() if "qmap" not in n) < 0.27 * 8 * weight.numel()
    again = torch.nn.Parameter(weight.detach().clone())
    (resumed,) = make_optimizers({"w": again}, wanted)
    restore_optimizer([resumed], {"w": again}, state, scaler)
    again.grad = weight.grad
    optimizer.step()
    resumed.step()
    assert torch.equal(weight, again)


def test_an_idle_part_comes_and_goes(monkeypatch):
    part, places = torch.nn.Linear(2, 2), []
    monkeypatch.setattr(part, "to", places.append)
    with awake(part, torch.device("meta")):
        assert places == [torch.device("meta")]
    assert places[1:] == [torch.device("cpu")]


# --- the public layout


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    """A data set in the layout of the published one: media, reference, caption."""
    data = tmp_path_factory.mktemp("public")
    rng = np.random.default_rng(0)
    rows = []
    for k, size in enumerate(((48, 64), (64, 64))):
        for name in ("media", "reference"):
            frames = rng.integers(0, 256, (1, *size, 3), dtype=np.uint8).repeat(11 - 6 * k, 0)
            (data / name).mkdir(exist_ok=True)
            write_clip(data / name / f"{k}.mp4", Clip(frames, 12.0))
        rows.append({"caption": "3d1t", "media_path": f"media/{k}.mp4",
                     "reference_path": f"reference/{k}.mp4"})  # fmt: skip
    (data / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return data


def test_an_imported_data_set_is_encoded_once_and_trained_on(public, folder, tmp_path):
    import_pairs(tmp_path / "pairs", public)
    wanted = replace(config(tmp_path / "pairs", folder, steps=2), size=32, frames=9)
    train(adapter_recipe(wanted), wanted.loop, tmp_path / "run", progress=False)
    files = sorted((tmp_path / "pairs" / "latents").glob("*/*.safetensors"))
    written = [file.stat().st_mtime_ns for file in files]
    assert [load_file(file)["latents"].shape for file in files] == [(1, 2, 8, 3, 2, 2)] * 2
    load_adapter(load_model(folder).transformer, tmp_path / "run" / "final")
    model, text = load_model(folder), "9 frames of 32"
    given = (tmp_path / "pairs", model.vae, model.frame_rate)
    again = pair_latents(*given, lambda *_: (9, 32, 32), text, "cpu")
    assert sorted(again.files) == files
    assert [file.stat().st_mtime_ns for file in files] == written
    with pytest.raises(ModelError, match=r"10 frames; expected 4k\+1 frames.*trim to 9"):
        pair_latents(*given, lambda *_: (10, 32, 32), "10 frames of 32", "cpu")


def test_clips_are_cut_to_a_square_and_brought_to_the_length():
    frames = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((1, 20, 40, 3), np.uint8)
    made = covered(Clip(frames, 12.0), (5, 10, 10))
    assert made.shape == (5, 10, 10, 3)
    assert made[:, 0, 0, 0].tolist() == [0, 1, 2, 2, 2]


def test_the_configuration_that_comes_with_the_project_is_one_for_2b():
    found, out = load_config(PROJECT / "configs" / "full-size.toml")
    assert (found.model, found.rank, out.name) == ("Lightricks/LTX-Video", 128, "full-size")
    assert found.loop.checkpointing
    assert found.loop.offload
    assert found.size % 32 == 0


# --- several processes


def test_batches_are_dealt_out_evenly():
    assert [list(share(4, rank, 2)) for rank in (0, 1)] == [[0, 2], [1, 3]]
    with pytest.raises(ConfigError, match=r"accumulate = 3 with 2 processes; .* multiple of 2"):
        share(3, 0, 2)


def test_two_processes_of_accelerate_train_what_one_does(bank, folder, tmp_path):
    """By the command of the book, on two CPU processes."""
    wanted = config(bank, folder, steps=2, accumulate=2)
    train(adapter_recipe(wanted), wanted.loop, tmp_path / "one", progress=False)
    lines = [f'recipe = "adapter"\nout = "{tmp_path / "two"}"\nbank = "{bank}"']
    lines.append(f'model = "{folder}"\nrank = 4\nvalidation_clips = 0\n[loop]')
    changed = {k: v for k, v in asdict(wanted.loop).items() if not isinstance(v, tuple)}
    lines += [f"{name} = {json.dumps(value)}" for name, value in changed.items()]
    (tmp_path / "two.toml").write_text("\n".join(lines))
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    command = [*launch, "-m", "synclora_lite.cli", "train", str(tmp_path / "two.toml"), "--quiet"]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Trained weights") == 1
    one, two = (weights(tmp_path / place) for place in ("one", "two"))
    assert all(torch.allclose(one[name], two[name], rtol=0, atol=1e-7) for name in one)
