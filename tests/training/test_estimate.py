"""Estimates: exact where they can be, and close to what a real step allocates."""

from dataclasses import replace

import pytest
import torch
import typer
from typer.testing import CliRunner

from synclora_lite.cli.estimate import estimate as command
from synclora_lite.i2v import create_model, save_model
from synclora_lite.i2v.presets import TINY_TRANSFORMER, TINY_VAE
from synclora_lite.incontext import AdapterSettings, add_adapter, assemble, flow_loss
from synclora_lite.training import Job, advice, estimate
from synclora_lite.training.estimate import RUNTIME, Configs, _measure, meta_model
from synclora_lite.training.metering import count_operations, peak_memory

DEEP = {**TINY_TRANSFORMER, "num_layers": 5}


@pytest.fixture
def job(tmp_path):
    folder = save_model(create_model(TINY_VAE, DEEP), tmp_path / "deep")
    return Job(str(folder), frames=9, size=32, rank=4)


def test_the_peak_is_what_lives_at_one_time():
    def run():
        first = torch.empty(1000, device="meta")
        second = first + first  # 8000 bytes
        del first
        return second * 2  # 8000 again: the first is gone

    assert peak_memory(run) == 8000
    assert peak_memory(lambda: torch.empty(10, device="meta").view(5, 2).t()) == 40


def test_operations_of_a_matrix_product_are_counted():
    a, b = torch.empty(3, 4, device="meta"), torch.empty(4, 5, device="meta")
    assert count_operations(lambda: a @ b) == 2 * 3 * 4 * 5


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("checkpointing", [True, False])
def test_following_the_line_equals_measuring_all_blocks(job, training, checkpointing):
    job = replace(job, training=training, checkpointing=checkpointing)
    followed = estimate(job)
    direct = _measure(meta_model(Configs(TINY_VAE, DEEP, 1), torch.bfloat16), job)
    assert followed.parameters == direct.parameters
    assert followed.peak - RUNTIME == pytest.approx(direct.peak - RUNTIME, rel=0.02)
    assert followed.operations == pytest.approx(direct.operations)
    assert followed.tokens == 2 * 3 * 2 * 2


def test_the_estimate_is_what_a_real_step_allocates(job):
    model = create_model(TINY_VAE, DEEP)
    add_adapter(model.transformer, AdapterSettings(rank=4))
    latents = torch.randn(1, 8, 3, 2, 2)

    def step():
        sequence = assemble(model, latents, latents, torch.rand(1), reference=latents)
        flow_loss(model, sequence).mean().backward()

    real = peak_memory(step, "cpu")
    expected = estimate(job, torch.float32).memory["activations"]
    assert expected == pytest.approx(real, rel=0.1)


def test_checkpointing_and_fewer_bits_save_memory(job):
    job = replace(job, size=64)
    plain = estimate(job).memory
    assert estimate(replace(job, checkpointing=True)).memory["activations"] < plain["activations"]
    assert estimate(replace(job, eight_bit=True)).memory["optimiser"] < plain["optimiser"]


def test_advice_ends_with_what_fits(job):
    need = estimate(replace(job, checkpointing=True)).peak / 1e9
    assert advice(job, need + 1e-9)[-1].endswith("fits")
    assert not advice(job, 0.1)[-1].endswith("fits")


def test_the_known_models_have_their_size():
    for name, billions in (("ltx-video-2b", 1.92), ("ltx-video-13b", 13.0)):
        found = estimate(Job(name, frames=9, size=64, training=False))
        assert found.parameters["transformer"] / 1e9 == pytest.approx(billions, rel=0.02)


def test_the_command_prints_parts_and_what_to_switch(job):
    app = typer.Typer()
    app.command()(command)
    options = ["--model", job.model, "--frames", "9", "--size", "32", "--edit"]
    result = CliRunner().invoke(app, [*options, "--gpu", "0.1"])
    assert result.exit_code == 0, result.output
    assert "reference cache" in result.output
    assert "It does not fit. What helps:\n  24 pixels: " in result.output
    assert "does not fit" not in CliRunner().invoke(app, [*options, "--gpu", "8"]).output
