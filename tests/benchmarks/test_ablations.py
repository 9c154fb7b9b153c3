"""Ablations: one change to the recipe each, on banks whose filter can be left out in part."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import ablation_banks as banks
from benchmarks.ablations import VARIANTS, Study, recipe, run_variant
from synclora_course.tiny_ltx import tiny_model
from synclora_lite.editing import LTXVideo
from synclora_lite.editing.domain import Domain
from synclora_lite.errors import ConfigError, TrainingError
from synclora_lite.files import append_jsonl
from synclora_lite.training.bank import LatentDataset, write_shard

CONFIG = Path(__file__).parents[2] / "configs" / "adapter.toml"


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_a_recipe_that_differs_from_the_shipped_one(name):
    variant, study = VARIANTS[name], Study(config=CONFIG, steps=40)
    changed = recipe(variant, study, Path("bank"))
    assert changed.loop.steps == 40
    for field, value in variant.changes.items():
        assert getattr(changed, field) == value
    assert variant.bank in banks.BANKS


def test_a_filter_without_a_cue_lets_faults_of_that_cue_pass():
    checks = {"mouth amplitude": 1.4, "yaw": 0.3, "blinks": 0.2, "offset": 0.1}
    assert not banks.passes(checks)
    assert banks.passes(checks, "mouth")
    assert banks.passes(checks, "all")
    assert not banks.passes(checks, "gaze")
    with pytest.raises(ConfigError, match="pose, mouth, gaze, blink, gesture, all"):
        banks.passes(checks, "ears")


def test_a_bank_is_taken_in_part_with_its_verdicts(tmp_path):
    for first in (0, 16):
        latents = torch.zeros(16, 2, 1, 1, 1, 1).half()
        write_shard(tmp_path / "whole" / f"pairs-{first:06d}.safetensors", latents=latents)
    for k in range(32):
        append_jsonl(tmp_path / "whole" / "checks.jsonl", {"gaze_x": 2.0 * (k % 2)})
    part = LatentDataset(banks.take(tmp_path / "whole", tmp_path / "part", 16))
    assert len(part) == 16
    assert part.accepted.tolist() == [True, False] * 8
    assert LatentDataset(
        banks.take(tmp_path / "whole", tmp_path / "all", 32, "gaze")
    ).accepted.all()
    assert len(LatentDataset(banks.take(tmp_path / "whole", tmp_path / "all", 16))) == 16


def test_strangers_move_alike_and_faults_are_planted_in_every_second_pair():
    exact = banks.draw_pair("edited", 3, 32, 5)
    strangers = banks.draw_pair("strangers", 3, 32, 5)
    faulty = banks.draw_pair("faulty", 3, 32, 5)
    assert np.array_equal(exact[0], strangers[0])
    assert not np.array_equal(exact[1], strangers[1])
    assert not np.array_equal(exact[1], faulty[1])
    assert all(
        map(
            np.array_equal, banks.draw_pair("faulty", 2, 32, 5), banks.draw_pair("edited", 2, 32, 5)
        )
    )


def test_a_bank_is_of_whole_shards(tmp_path):
    with pytest.raises(ConfigError, match="a bank of 20 pairs; expected a multiple of 16"):
        run_variant("edit-only", Study(pairs=20, folder=tmp_path))


def test_a_bank_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(banks, "ROWS", 2)
    editor = LTXVideo(tiny_model(), Domain(side=32, frames=5, limit=100.0))
    banks.build_bank("strangers", tmp_path, 2, editor)
    monkeypatch.setattr(banks, "draw_pair", None)  # nothing is drawn again
    banks.build_bank("strangers", tmp_path, 2, editor)
    assert len(LatentDataset(tmp_path)) == 2
    other = LTXVideo(tiny_model(seed=1), editor.domain)
    with pytest.raises(TrainingError, match="was made with autoencoder"):
        banks.build_bank("strangers", tmp_path, 2, other)
    with pytest.raises(ConfigError, match="edited, strangers, faulty"):
        banks.build_bank("none", tmp_path, 2, editor)
