"""The recipes that make the base model: the autoencoder on frames, the transformer on latents."""

import math

import pytest
import torch

from recipes.__main__ import main, recipe_for
from recipes.autoencoder import crop_at_face
from recipes.config import AutoencoderConfig, PretrainConfig, load
from recipes.pretrain import base_model, two_panels
from recipes.rendering import training_case
from synclora_lite.core import scheduler_shift
from synclora_lite.errors import ModelError, SyncLoraError, TrainingError
from synclora_lite.models import load_model, save_model, tiny_model
from synclora_lite.portraits import render_batch
from synclora_lite.training import LatentDataset, LoopConfig, read_log, train, write_shard


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def bank(tmp_path):
    for shard in range(2):
        path = tmp_path / "bank" / f"pairs-{shard}.safetensors"
        write_shard(path, latents=noise(6, 2, 8, 3, 2, 2, seed=shard).half())
    return tmp_path / "bank"


@pytest.fixture
def folder(tmp_path):
    return save_model(tiny_model(), tmp_path / "tiny")


def loop(steps=6, **settings):
    quick = {"batch": 4, "warmup": 2, "checkpoint_every": 2, "validate_every": 0, "log_every": 1}
    return LoopConfig(steps, **{**quick, **settings})


def pretrain_config(bank, folder, **settings):
    fixed = {"width": 32, "layers": 1, "heads": 2, "validation_clips": 2, "samples": 1}
    return PretrainConfig(
        **{"loop": loop(), "bank": bank, "vae": folder / "vae", **fixed, **settings}
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("heads = 3", "width = 256 with heads = 3; expected an even multiple of heads"),
        ("[scheduler]\nshfit = 2.0", r"scheduler = .*'shfit'.*; expected .*shift = 1\.65"),
        ("[scheduler]\nshift = 0.0", r"scheduler = \{'shift': 0\.0\}"),
        ("[scheduler]\nnum_train_timesteps = 1000000000", "num_train_timesteps"),
        ("[loop]\nsteps = 1\nbetas = [0.9, 1.0]", r"loop\.betas\.1 = 1\.0; expected less than"),
    ],
)
def test_settings_that_would_stop_a_run_later_are_refused_when_read(tmp_path, lines, message):
    loop = "" if "loop" in lines else "[loop]\nsteps = 1\n"
    path = tmp_path / "c.toml"
    path.write_text(f'recipe = "pretrain"\nout = "x"\nbank = "b"\nvae = "v"\n{lines}\n{loop}')
    with pytest.raises(SyncLoraError, match=message):
        load(path)


def test_the_autoencoder_looks_at_the_faces_of_the_pairs_it_is_shown(tmp_path):
    """The same clips weigh otherwise under another name, from which their motion is known."""
    cases = [training_case(k, 5) for k in (64, 65)]
    people = [person for case in cases for person in (case.source, case.edited)]
    motions = [case.motion for case in cases for _ in range(2)]
    frames = render_batch(people, motions, 32).unflatten(0, (2, 2)).contiguous()
    losses = []
    for name in ("pairs-000064", "pairs-000000"):
        write_shard(tmp_path / name / f"{name}.safetensors", frames=frames)
        sizes = {"channels": 8, "width": 16, "frames": 5, "validation_clips": 0}
        config = AutoencoderConfig(loop(1, batch=2), tmp_path / name, **sizes)
        losses.append(recipe_for(config).loss(0, torch.Generator().manual_seed(0))[0].item())
    assert losses[0] != losses[1]


def test_two_panels_hold_both_clips_of_a_pair(bank):
    pairs = LatentDataset(bank).read(torch.arange(8))
    wide = two_panels(pairs, torch.Generator().manual_seed(0))
    source = pairs[:, 0]
    left = (wide[..., :2] == source).flatten(1).all(1)
    right = (wide[..., 2:] == source).flatten(1).all(1)
    assert (left ^ right).all()
    assert left.any()
    assert right.any()


def test_a_panel_may_be_given_whole(bank, folder):
    config = pretrain_config(bank, folder, two_panel=1.0, given_panel=1.0)
    loss, numbers = recipe_for(config).loss(0, torch.Generator().manual_seed(0))
    assert numbers == {"loss_given_panel": loss.item()}
    config = pretrain_config(bank, folder, two_panel=1.0)
    _, numbers = recipe_for(config).loss(0, torch.Generator().manual_seed(0))
    assert list(numbers) == ["loss_two_panel"]


def test_a_decoder_trained_by_itself_leaves_the_latents_as_they_are(tmp_path):
    frames = torch.randint(0, 256, (4, 2, 5, 32, 32, 3), dtype=torch.uint8)
    write_shard(tmp_path / "frames" / "pairs-0.safetensors", frames=frames)
    config = AutoencoderConfig(
        loop(1),
        tmp_path / "frames",
        channels=8,
        width=16,
        frames=5,
        validation_clips=0,
        decoder_only=True,
    )
    trained = recipe_for(config).parameters
    assert trained
    assert all(name.startswith("decoder.") for name in trained)


def test_pretraining_lowers_the_held_out_loss_and_exports_a_model(tmp_path, bank, folder):
    settings = loop(30, lr=5e-3, validate_every=15, checkpoint_every=30)
    config = pretrain_config(bank, folder, loop=settings, first_frame=0.9)
    final = train(recipe_for(config), config.loop, tmp_path / "run", progress=False)
    rows = read_log(tmp_path / "run" / "validation.csv")
    assert rows[-1]["loss"] < rows[0]["loss"] < 3
    assert math.isfinite(rows[-1]["psnr"])
    assert (tmp_path / "run" / "samples" / "step-00000030.mp4").stat().st_size > 0
    model = load_model(final)
    assert model.transformer.config.num_layers == 1
    assert scheduler_shift(12, model.scheduler) == 0


def test_a_batch_of_one_may_have_two_panels(bank, folder):
    config = pretrain_config(bank, folder, two_panel=1.0, loop=loop(batch=1))
    loss, _ = recipe_for(config).loss(0, torch.Generator().manual_seed(0))
    assert math.isfinite(loss.item())


def test_the_autoencoder_learns_and_normalises_its_latents(tmp_path):
    frames = torch.randint(0, 256, (6, 2, 5, 1, 1, 3), dtype=torch.uint8)
    frames = frames.expand(-1, -1, -1, 32, 32, -1)
    write_shard(tmp_path / "frames" / "pairs-0.safetensors", frames=frames)
    config = AutoencoderConfig(
        loop(20, batch=2, lr=3e-3, validate_every=10),
        tmp_path / "frames",
        channels=8,
        width=16,
        frames=5,
        validation_clips=2,
    )
    final = train(recipe_for(config), config.loop, tmp_path / "run", progress=False)
    rows = read_log(tmp_path / "run" / "train.csv")
    assert rows[-1]["pixel"] < rows[0]["pixel"]
    assert (final / "config.json").exists()
    assert math.isfinite(read_log(tmp_path / "run" / "validation.csv")[-1]["psnr"])


@pytest.mark.parametrize(("name", "wanted"), [("crop", 48), ("frames", 9)])
def test_what_is_cut_from_a_banks_clips_has_to_fit_into_them(tmp_path, name, wanted):
    frames = torch.zeros(2, 2, 5, 32, 32, 3, dtype=torch.uint8)
    write_shard(tmp_path / "frames" / "pairs-0.safetensors", frames=frames)
    sizes = {"channels": 8, "width": 16, "frames": 5, "validation_clips": 0, name: wanted}
    config = AutoencoderConfig(loop(1), tmp_path / "frames", **sizes)
    with pytest.raises(TrainingError, match=f"{name} {wanted} for clips of 5 frames, 32x32 pixels"):
        recipe_for(config)


def test_windows_that_the_autoencoder_cannot_take_are_refused_in_advance(tmp_path):
    frames = torch.zeros(2, 2, 5, 32, 32, 3, dtype=torch.uint8)
    write_shard(tmp_path / "frames" / "pairs-0.safetensors", frames=frames)
    for sizes, message in (({"frames": 4}, r"4k\+1 frames"), ({"crop": 20}, "multiples of 16")):
        settings = {"channels": 8, "width": 16, "frames": 5, "validation_clips": 0, **sizes}
        config = AutoencoderConfig(loop(1), tmp_path / "frames", **settings)
        with pytest.raises(ModelError, match=message):
            recipe_for(config)


def test_crops_keep_the_weighted_pixels_and_their_place():
    rows = torch.arange(48.0).view(1, 1, 1, 48, 1).expand(4, 3, 2, 48, 48)
    weight = torch.ones(4, 1, 2, 48, 48)
    weight[..., 28:34, 12:18] = 7  # the face is low and to the left
    crops, weights = crop_at_face(rows, weight, 24, torch.Generator().manual_seed(0))
    assert crops.shape == (4, 3, 2, 24, 24)
    assert weights.shape == (4, 1, 2, 24, 24)
    for crop, mass in zip(crops, weights, strict=True):
        top = int(crop[0, 0, 0, 0])
        assert torch.equal(crop[0, 0, :, 0], torch.arange(top, top + 24.0))
        weighted = crop[0, 0][mass[0, 0] == 7]
        assert len(weighted) == 0 or (weighted.min() >= 28 and weighted.max() < 34)
    assert weights.mean() > weight.mean()


def test_a_base_goes_on_with_another_autoencoder(bank, folder):
    other = tiny_model(seed=1).vae
    other.save_pretrained(folder.parent / "vae")
    config = pretrain_config(bank, folder, start=folder, vae=folder.parent / "vae")
    model = base_model(config)
    started = load_model(folder).transformer.state_dict()
    assert all(torch.equal(v, started[k]) for k, v in model.transformer.state_dict().items())
    assert torch.equal(model.vae.encoder.conv_in.conv.weight, other.encoder.conv_in.conv.weight)


def test_the_command_goes_on_to_the_same_bits_as_one_that_was_not_stopped(
    tmp_path, bank, folder, monkeypatch, capsys
):
    for name, steps in (("straight", (6,)), ("stopped", (3, 6))):
        for count in steps:
            path = tmp_path / "c.toml"
            path.write_text(
                f'recipe = "pretrain"\nout = "{tmp_path}/{name}"\nbank = "{bank}"\n'
                f'vae = "{folder}/vae"\nwidth = 32\nlayers = 1\nheads = 2\nvalidation_clips = 0\n'
                f'[loop]\nsteps = {count}\nbatch = 4\nschedule = "constant"\n'
                'optimizer = "muon"\n'
            )
            monkeypatch.setattr("sys.argv", ["recipes", str(path), "--quiet"])
            main()
    finals = [load_model(tmp_path / name / "final").transformer for name in ("straight", "stopped")]
    one, other = (final.state_dict() for final in finals)
    assert all(torch.equal(one[name], other[name]) for name in one)
