"""Side-by-side generation: one run of the model over both panels, then a split."""

import numpy as np
import pytest
import torch

from synclora_course.tiny_ltx import tiny_model
from synclora_lite.errors import ModelError
from synclora_lite.models import save_model
from synclora_lite.pairs import build, read_manifest
from synclora_lite.pairs.generated import Generated, animate_panels, fingerprint


def panels(size=32):
    random = np.random.default_rng(0)
    return [random.integers(0, 255, (size, size, 3), np.uint8) for _ in range(2)]


def run(model, pair, seed=0, frames=9):
    generator = torch.Generator().manual_seed(seed)
    return animate_panels(model, np.stack(pair), frames, 2, generator)


def test_both_halves_come_from_one_run_and_follow_its_seed():
    model = tiny_model()
    source, edited = run(model, panels())
    assert source.shape == edited.shape == (9, 32, 32, 3)
    again = run(model, panels())
    np.testing.assert_array_equal(source, again[0])
    np.testing.assert_array_equal(edited, again[1])
    assert not np.array_equal(source, run(model, panels(), seed=1)[0])


def test_each_half_sees_the_other_through_the_model():
    model = tiny_model()
    pair = panels()
    source, _ = run(model, pair)
    other, _ = run(model, [pair[0], 255 - pair[1]])
    assert not np.array_equal(source[1:], other[1:])


def test_sizes_the_model_cannot_make_are_refused():
    with pytest.raises(ModelError, match="4k"):
        run(tiny_model(), panels(), frames=8)
    with pytest.raises(ModelError, match="multiples of 16"):
        run(tiny_model(), panels(40))


def test_a_build_records_the_weights_and_refuses_others(tmp_path):
    folder = save_model(tiny_model(), tmp_path / "model")
    builder = Generated(str(folder), frames=5, size=32, steps=1)
    pairs = build(tmp_path / "pairs", builder, 2)
    assert pairs[0].parameters["weights"] == fingerprint(tiny_model())
    assert pairs == read_manifest(tmp_path / "pairs") == build(tmp_path / "pairs", builder, 2)
    assert fingerprint(tiny_model(seed=1)) != fingerprint(tiny_model())
