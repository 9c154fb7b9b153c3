"""Runs that cannot go on: stopped with the step, the pair and the last good checkpoint named."""

import math
from pathlib import Path

import pytest
import torch

from synclora_course.tiny_ltx import tiny_model
from synclora_lite.errors import TrainingError
from synclora_lite.models import save_model
from synclora_lite.training import (
    AdapterConfig,
    LoopConfig,
    Recipe,
    adapter_recipe,
    train,
    write_shard,
)
from synclora_lite.training.checkpoint import checkpoints


def latents(seed: int) -> torch.Tensor:
    return torch.randn(6, 2, 8, 3, 2, 2, generator=torch.Generator().manual_seed(seed)).half()


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    for shard in range(2):
        write_shard(tmp_path / "bank" / f"pairs-{shard}.safetensors", latents=latents(shard))
    return tmp_path / "bank"


@pytest.fixture
def config(tmp_path: Path, bank: Path) -> AdapterConfig:
    loop = LoopConfig(6, batch=4, warmup=0, schedule="constant", checkpoint_every=2)
    model = str(save_model(tiny_model(), tmp_path / "tiny"))
    return AdapterConfig(loop=loop, bank=bank, model=model, rank=4, validation_clips=0)


def run(config: AdapterConfig, out: Path, **loop: object) -> Path:
    changed = type(config)(**{**vars(config), "loop": LoopConfig(**{**vars(config.loop), **loop})})
    return train(adapter_recipe(changed), changed.loop, out, progress=False)


def poison(bank: Path, row: int, value: float) -> None:
    spoiled = latents(1)
    spoiled[row, 1, 0, 2] = value
    write_shard(bank / "pairs-1.safetensors", latents=spoiled)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_poisoned_pair_is_named_with_the_step_and_the_last_good_checkpoint(
    tmp_path: Path, bank: Path, config: AdapterConfig, value: float
) -> None:
    run(config, tmp_path / "run", steps=4)
    poison(bank, 3, value)
    # Two of three batches of a pass are over: rows 0 to 11 are read again from step 6 on.
    with pytest.raises(TrainingError) as caught:
        run(config, tmp_path / "run", steps=12)
    told = str(caught.value)
    assert "pair 3 of pairs-1.safetensors holds values that are no numbers" in told
    assert told.startswith("step ")
    assert "the last good checkpoint is" in told
    assert "step-0000000" in told


def test_a_rate_that_explodes_is_stopped_before_its_weights_are_saved(
    tmp_path: Path, config: AdapterConfig
) -> None:
    with pytest.raises(TrainingError, match=r"at step \d.*(pair \d of pairs-\d|weights).*") as told:
        run(config, tmp_path / "run", steps=40, lr=1e6, clip=0.0)
    assert "the last good checkpoint is" in str(told.value)
    for path in checkpoints(tmp_path / "run" / "checkpoints"):
        assert path.name in str(told.value)


def test_weights_that_are_no_numbers_are_refused_before_the_first_step(tmp_path: Path) -> None:
    weight = torch.nn.Parameter(torch.tensor([1.0, math.nan]))
    recipe = Recipe({"weight": weight}, lambda _index, _generator: (weight.sum(), {}))
    with pytest.raises(TrainingError, match=r"weights .* no numbers at step 0.*checkpoint is none"):
        train(recipe, LoopConfig(2), tmp_path / "run", progress=False)
    assert not (tmp_path / "run" / "train.csv").exists()


@pytest.mark.parametrize("spoil", ["a flipped byte", "a missing file", "no state", "another step"])
def test_a_damaged_checkpoint_is_refused_and_the_one_before_it_used(
    tmp_path: Path, config: AdapterConfig, capfd: pytest.CaptureFixture[str], spoil: str
) -> None:
    straight = run(config, tmp_path / "straight")
    run(config, tmp_path / "run", steps=4)
    first, newest = checkpoints(tmp_path / "run" / "checkpoints")
    file = newest / "optimizer.safetensors"
    if spoil == "a flipped byte":
        content = bytearray(file.read_bytes())
        content[-3] ^= 1
        file.write_bytes(content)
    elif spoil == "a missing file":
        file.unlink()
    elif spoil == "no state":
        (newest / "state.json").write_text('{"step": 4, "sha')
    else:
        newest.rename(newest.with_name("step-00000005"))
    resumed = run(config, tmp_path / "run")
    assert "is damaged; going on from the checkpoint before it" in capfd.readouterr().err
    assert first.name == "step-00000002"
    name = "adapter.safetensors"
    assert (resumed / name).read_bytes() == (straight / name).read_bytes()


def test_a_run_of_which_every_checkpoint_is_damaged_does_not_begin_again_by_itself(
    tmp_path: Path, config: AdapterConfig
) -> None:
    run(config, tmp_path / "run", steps=4)
    for path in checkpoints(tmp_path / "run" / "checkpoints"):
        (path / "weights.safetensors").write_bytes(b"")
    with pytest.raises(TrainingError, match=r"every checkpoint in .* is damaged"):
        run(config, tmp_path / "run")


def test_what_a_killed_run_left_half_done_is_cleared_away(
    tmp_path: Path, config: AdapterConfig
) -> None:
    place = tmp_path / "run" / "checkpoints"
    for name in (".partial-00000003", ".old-step-00000001"):
        (place / name).mkdir(parents=True)
        (place / name / "weights.safetensors").write_bytes(b"half")
    halves = [tmp_path / "run" / ".loss.1b27bce8.png"]
    halves.append(tmp_path / "run" / "samples" / ".step-00000060.31a1121b.mp4")
    halves[1].parent.mkdir()
    for half in halves:
        half.write_bytes(b"half")
    run(config, tmp_path / "run")
    assert not any(half.exists() for half in halves)
    assert [path.name for path in sorted(place.iterdir())] == ["step-00000004", "step-00000006"]


def test_an_exploded_loss_is_told_although_it_is_a_number(tmp_path: Path) -> None:
    parameter = torch.nn.Parameter(torch.ones(2))
    recipe = Recipe(
        {"p": parameter}, lambda k, _g: (parameter.sum() * 1e6 ** (k == 2), {}),
        pairs=lambda k: [f"pair {k}"],
    )  # fmt: skip
    with pytest.raises(TrainingError, match=r"loss .*e\+06 .* at step 2, made of pair 2;"):
        train(recipe, LoopConfig(4), tmp_path, progress=False)
