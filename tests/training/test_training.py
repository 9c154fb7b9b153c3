"""Configuration, banks, the loop and its recipes."""

import math
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from synclora_course.tiny_ltx import tiny_model
from synclora_lite.cli import run
from synclora_lite.core import train_step
from synclora_lite.errors import ArtifactError, ConfigError, TrainingError
from synclora_lite.models import load_adapter, load_model, save_model
from synclora_lite.settings import build
from synclora_lite.training import (
    AdapterConfig,
    LatentDataset,
    LoopConfig,
    Recipe,
    adapter_recipe,
    load_config,
    read_log,
    shuffled_rows,
    train,
    write_shard,
)
from synclora_lite.training.adapter import AdapterTraining, identical_share
from synclora_lite.training.bank import seeded
from synclora_lite.training.checkpoint import checkpoints
from synclora_lite.training.log import CsvLog
from synclora_lite.training.optimizer import learning_rate


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


def adapter_config(bank, folder, **settings):
    fixed = {"rank": 4, "validation_clips": 2, "samples": 1, "identical_steps": 4}
    return AdapterConfig(
        **{"loop": loop(), "bank": bank, "model": str(folder), **fixed, **settings}
    )


# --- configuration


def test_a_toml_file_becomes_a_configuration(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text(
        'recipe = "adapter"\nout = "runs/x"\nbank = "b"\nidentical = [1, 0.2]\n'
        "[loop]\nsteps = 10\nlr = 1\n[flow]\nmu = 0.5\n"
    )
    config, out = load_config(path)
    assert out == Path("runs/x")
    assert config.loop == LoopConfig(steps=10, lr=1.0)
    assert config.identical == (1.0, 0.2)
    assert config.flow.mu == 0.5


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"loop": {"steps": 1}, "bnak": "x"}, "unknown setting bnak.*did you mean bank?"),
        ({"bank": "x"}, "loop is missing"),
        ({"loop": {"steps": "many"}, "bank": "x"}, "loop.steps = 'many'; expected a valid int"),
        ({"loop": {"steps": True}, "bank": "x"}, "loop.steps = True; expected a valid int"),
        ({"loop": {"steps": 1}, "bank": "x", "data": "best"}, "data = 'best'; expected one of"),
        ({"loop": {"steps": 1}, "bank": "x", "identical": [1]}, r"identical\.1 is missing"),
    ],
)
def test_wrong_settings_are_named(table, message):
    with pytest.raises(ConfigError, match=message):
        build(AdapterConfig, table)


def test_a_broken_file_or_recipe_is_a_clear_error(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "none.toml")
    for recipe, told in (('"magic"', "'magic'"), ('["adapter"]', r"\['adapter'\]")):
        (tmp_path / "c.toml").write_text(f'recipe = {recipe}\nout = "x"')
        with pytest.raises(ConfigError, match=f"recipe = {told}; expected one of adapter"):
            load_config(tmp_path / "c.toml")


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_there_is_told_before_anything_is_loaded(tmp_path, device):
    config = adapter_config(tmp_path / "none", tmp_path, loop=loop(device=device))
    with pytest.raises(ConfigError, match=f"the device '{device}'; expected one that this machine"):
        adapter_recipe(config)


def test_the_rate_warms_up_and_falls_along_a_cosine():
    config = LoopConfig(steps=100, lr=1.0, warmup=10, final_lr=0.1)
    assert learning_rate(0, config) == 0.1
    assert learning_rate(10, config) == 1.0
    assert learning_rate(55, config) == pytest.approx(0.55)
    assert learning_rate(100, config) == pytest.approx(0.1)
    assert learning_rate(99, LoopConfig(steps=100, lr=1.0, schedule="constant")) == 1.0


# --- banks


def test_a_bank_reads_rows_across_shards(bank):
    opened = LatentDataset(bank)
    assert len(opened) == 12
    rows = opened.read(torch.tensor([0, 11]))
    assert rows.dtype == torch.float32
    assert torch.equal(rows[1], noise(6, 2, 8, 3, 2, 2, seed=1)[5].half().float())


def test_every_pass_sees_every_row_once_in_a_new_order():
    rows = torch.arange(10) + 5
    batches = torch.cat([shuffled_rows(rows, 4, i, seed=1) for i in range(5)])
    first, second = batches[:10], batches[10:]
    assert sorted(first.tolist()) == sorted(second.tolist()) == rows.tolist()
    assert first.tolist() != second.tolist()
    assert len(shuffled_rows(rows[:3], 8, 0, seed=1)) == 8


def test_an_empty_or_broken_bank_is_a_clear_error(tmp_path, bank):
    with pytest.raises(TrainingError, match="holds no shards"):
        LatentDataset(tmp_path)
    (bank / "pairs-0.safetensors").write_bytes(b"not a shard")
    with pytest.raises(ArtifactError, match=r"pairs-0.safetensors cannot be read"):
        LatentDataset(bank)


def test_held_rows_are_the_last_and_some_are_left_to_train_on(bank):
    opened = LatentDataset(bank)
    for held in range(12):
        training, validation = opened.split(held, accepted=False)
        assert len(validation) == held
        assert torch.cat([training, validation]).tolist() == list(range(12))
    with pytest.raises(ConfigError, match="validation_clips = 12 of a bank of 12"):
        opened.split(12)


# --- the loop


def weights_after(recipe, config, out):
    train(recipe, config, out, progress=False)
    return {n: p.detach().clone() for n, p in recipe.parameters.items()}


class StoppedError(Exception):
    """Stands for a killed process."""


def stopping_at(recipe, index):
    def loss(i, generator):
        if i == index:
            raise StoppedError
        return recipe.loss(i, generator)

    return Recipe(recipe.parameters, loss, recipe.validate, recipe.export, recipe.settings)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_stopped_run_resumes_to_the_same_bits(tmp_path, bank, folder, optimizer):
    config = adapter_config(bank, folder, loop=loop(accumulate=2, ema=0.9, optimizer=optimizer))
    straight = weights_after(adapter_recipe(config), config.loop, tmp_path / "a")
    with pytest.raises(StoppedError):
        train(stopping_at(adapter_recipe(config), 10), config.loop, tmp_path / "b", progress=False)
    assert checkpoints(tmp_path / "b" / "checkpoints")[-1].name == "step-00000004"
    resumed = weights_after(adapter_recipe(config), config.loop, tmp_path / "b")
    assert all(torch.equal(straight[n], resumed[n]) for n in straight)
    logs = [read_log(tmp_path / x / "train.csv") for x in "ab"]
    assert [r["step"] for r in logs[1]] == [1, 2, 3, 4, 5, 6]
    assert [r["loss"] for r in logs[0]] == [r["loss"] for r in logs[1]]


def test_the_loop_takes_the_steps_of_core(tmp_path, bank, folder):
    """One process, one batch a step: the loop's weights are those of `core.train_step`."""
    settings = loop(3, schedule="constant", warmup=0, precision="float32")
    config = adapter_config(bank, folder, loop=settings, identical=(0.0, 0.0), layout="full")
    by_loop = weights_after(adapter_recipe(config), settings, tmp_path / "a")
    own = AdapterTraining(config)
    parameters = [p for p in own.model.transformer.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, settings.lr, betas=settings.betas, weight_decay=0)
    for step in range(3):
        generator = seeded(settings.seed, step)
        source, edited = own.dataset.read(own.rows(step)).unbind(1)
        torch.rand(len(edited), generator=generator)  # whose target is the source: none
        known = own.model.conditioning(edited.shape[2:], source, layout="full")
        train_step(own.model.transformer, edited, known, optimizer, generator, own.objective)
    for parameter, expected in zip(parameters, by_loop.values(), strict=True):
        assert torch.allclose(parameter, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["tensorboard", "trackio"])
def test_the_log_goes_to_a_tracker_as_well_if_it_is_installed(tmp_path, bank, folder, name):
    config = adapter_config(bank, folder, loop=loop(2, log_with=name))
    if find_spec(name) is None:
        with pytest.raises(ConfigError, match=f"{name} to be installed; pip install {name}"):
            train(adapter_recipe(config), config.loop, tmp_path / "a", progress=False)
        return
    train(adapter_recipe(config), config.loop, tmp_path / "a", progress=False)
    assert len(read_log(tmp_path / "a" / "train.csv")) == 2


def test_a_run_with_other_settings_is_refused_and_more_steps_are_not(tmp_path, bank, folder):
    config = adapter_config(bank, folder, loop=loop(2))
    train(adapter_recipe(config), config.loop, tmp_path / "a", progress=False)
    other = adapter_config(bank, folder, loop=loop(2, lr=0.5))
    with pytest.raises(ConfigError, match=r"lr is 0.5, was 0.001; expected .* name another `out`"):
        train(adapter_recipe(other), other.loop, tmp_path / "a", progress=False)
    more = adapter_config(bank, folder, loop=loop(4))
    train(adapter_recipe(more), more.loop, tmp_path / "a", progress=False)
    assert read_log(tmp_path / "a" / "train.csv")[-1]["step"] == 4


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_last_checkpoint(tmp_path):
    parameter = torch.nn.Parameter(torch.ones(2))

    def loss(index, _generator):
        return (parameter * (math.nan if index == 3 else 1.0)).sum(), {}

    with pytest.raises(TrainingError, match=r"loss nan .* at step 3; .*/step-00000002"):
        train(Recipe({"p": parameter}, loss), loop(), tmp_path, progress=False)
    assert torch.isfinite(parameter).all()


def test_a_damaged_checkpoint_is_refused(tmp_path, bank, folder):
    config = adapter_config(bank, folder, loop=loop(2))
    train(adapter_recipe(config), config.loop, tmp_path / "a", progress=False)
    file = checkpoints(tmp_path / "a" / "checkpoints")[-1] / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(TrainingError, match=r"every checkpoint .*weights.safetensors is damaged"):
        train(adapter_recipe(config), config.loop, tmp_path / "a", progress=False)


def test_averaged_weights_are_exported_and_only_the_newest_checkpoints_kept(tmp_path):
    parameter = torch.nn.Parameter(torch.zeros(1))
    exported = []
    recipe = Recipe(
        {"p": parameter},
        lambda _i, _g: ((parameter - 1).square().sum(), {}),
        export=lambda _folder: exported.append(parameter.item()),
    )
    train(recipe, loop(lr=0.1, ema=0.9, keep=1), tmp_path, progress=False)
    assert 0 < exported[0] < parameter.item()
    assert [p.name for p in checkpoints(tmp_path / "checkpoints")] == ["step-00000006"]
    assert (tmp_path / "loss.png").stat().st_size > 1000


@given(cut=st.integers(0, 60))
def test_a_log_cut_short_anywhere_keeps_its_whole_rows_and_goes_on(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("log") / "train.csv"
    written = CsvLog(path, 0)
    for step, loss in ((20, 0.5), (1_234_567, 1e-7), (1_234_568, 1e-8)):
        written.write(step, {"loss": loss})
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    rows = max(whole[:cut].count(b"\n") - 1, 0)
    assert [row["step"] for row in read_log(path)] == [20, 1_234_567, 1_234_568][:rows]
    CsvLog(path, 10**7).write(2_000_001, {"loss": 2.0})
    assert len(read_log(path)) == rows + 1
    assert read_log(path)[-1] == {"step": 2_000_001, "loss": 2.0}


# --- recipes


@pytest.mark.parametrize("layout", ["full", "reference-self"])
@pytest.mark.parametrize("data", ["filtered", "unfiltered", "weighted"])
def test_the_adapter_trains_on_chosen_pairs(tmp_path, bank, folder, layout, data):
    write_shard(
        bank / "scores.safetensors",
        weight=torch.rand(12),
        accepted=torch.arange(12) < 4,
    )
    config = adapter_config(bank, folder, data=data, layout=layout, reference_dropout=0.3)
    config_loop = loop(4, validate_every=4)
    final = train(adapter_recipe(config), config_loop, tmp_path / "run", progress=False)
    settings = load_adapter(load_model(folder).transformer, final)
    assert (settings.layout, settings.rank, settings.base) == (layout, 4, "tiny")
    assert "psnr" in read_log(tmp_path / "run" / "validation.csv")[0]


def test_validation_without_sample_clips_gives_losses_alone(tmp_path, bank, folder):
    numbers = adapter_recipe(adapter_config(bank, folder, samples=0)).validate(1, tmp_path)
    assert math.isfinite(numbers["loss"])
    assert "psnr" not in numbers


def test_a_bank_that_is_all_held_back_is_a_clear_error(bank, folder):
    with pytest.raises(ConfigError, match="validation_clips = 12 of a bank of 12 pairs"):
        adapter_recipe(adapter_config(bank, folder, validation_clips=12))


def test_latents_of_another_autoencoder_are_refused(tmp_path, folder):
    write_shard(tmp_path / "pairs-0.safetensors", latents=torch.zeros(4, 2, 6, 2, 2, 2))
    with pytest.raises(ConfigError, match="latents of 6 channels; expected 8, as tiny has"):
        adapter_recipe(adapter_config(tmp_path, folder))


def test_only_rejected_pairs_are_a_clear_error(bank, folder):
    write_shard(bank / "scores.safetensors", weight=torch.zeros(12), accepted=torch.zeros(12))
    with pytest.raises(TrainingError, match=r"no pair of .* is accepted"):
        adapter_recipe(adapter_config(bank, folder))


def test_the_share_of_identical_pairs_falls_with_the_step(bank, folder):
    config = adapter_config(bank, folder, identical=(0.8, 0.2), identical_steps=100)
    assert [identical_share(s, config) for s in (0, 50, 100, 900)] == pytest.approx(
        [0.8, 0.5, 0.2, 0.2]
    )


def test_a_run_on_another_base_of_the_same_name_is_refused(tmp_path, bank):
    save_model(tiny_model(), tmp_path / "model")
    config = adapter_config(bank, tmp_path / "model", loop=loop(2))
    train(adapter_recipe(config), config.loop, tmp_path / "a", progress=False)
    shutil.rmtree(tmp_path / "model")
    save_model(tiny_model(seed=1), tmp_path / "model")
    with pytest.raises(ConfigError, match="other settings: base_weights is"):
        train(adapter_recipe(config), config.loop, tmp_path / "a", progress=False)


def test_the_command_trains_what_a_file_describes(tmp_path, bank, folder, capsys):
    path = tmp_path / "c.toml"
    path.write_text(
        f'recipe = "adapter"\nout = "{tmp_path}/run"\nbank = "{bank}"\nmodel = "{folder}"\n'
        "rank = 4\nvalidation_clips = 0\n[loop]\nsteps = 2\n"
    )
    assert run(["train", str(path), "--quiet"]) == 0
    assert f"{tmp_path}/run/final" in capsys.readouterr().out
    load_adapter(load_model(folder).transformer, tmp_path / "run" / "final")
