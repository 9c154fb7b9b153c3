"""The attention explorer sends small weights that can be read back, and a still with words."""

import base64
import json
import re

import numpy as np
import pytest

from synclora_course.explorers import attention_explorer
from synclora_lite.errors import ModelError

GRID = (2, 2, 3)
TOKENS = 12


def explorer(weights):
    pictures = np.full((2, 16, 16, 3), 90, np.uint8)
    return attention_explorer(
        {"a head": weights},
        grid=GRID,
        reference=pictures,
        target=pictures,
        starts=[0, 1],
        sigma=0.7,
        start=(1, 0, 2),
    )


def random_weights():
    weights = np.random.default_rng(0).random((TOKENS, 2 * TOKENS))
    return weights / weights.sum(1, keepdims=True)


def test_weights_can_be_read_back_to_within_a_level():
    weights = random_weights()
    text = explorer(weights).html
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', text, re.S)[1])
    levels = np.frombuffer(base64.b64decode(data["maps"][0]["bytes"]), np.uint8)
    scaled = levels.reshape(TOKENS, 2 * TOKENS) / 255 * weights.max(1, keepdims=True)
    assert np.allclose(scaled, weights, atol=1 / 400)
    assert np.allclose(data["maps"][0]["share"], weights[:, :TOKENS].sum(1), atol=1e-3)


def test_a_still_stands_in_without_scripts_and_nothing_is_fetched():
    made = explorer(random_weights())
    assert '<img alt="What each token of the target attends to, for a head."' in made.html
    assert "http" not in made.html
    assert not re.search("@[A-Z]+@", made.html)


def test_weights_that_do_not_fit_the_grid_are_refused():
    with pytest.raises(ModelError, match=r"\(12, 24\)"):
        explorer(np.ones((TOKENS, TOKENS)))


def test_of_many_tokens_neighbours_are_shown_as_one():
    grid, weights = (2, 16, 16), np.random.default_rng(0).random((512, 1024))
    weights /= weights.sum(1, keepdims=True)
    pictures = np.zeros((2, 32, 32, 3), np.uint8)
    page = attention_explorer(
        {"one": weights}, grid=grid, reference=pictures, target=pictures, starts=[0, 1], sigma=0.5
    )
    text = re.search(r'<script type="application/json">(.*?)</script>', page.html, re.S)[1]
    data = json.loads(text)
    assert data["grid"] == [2, 8, 8]
    kept = np.frombuffer(base64.b64decode(data["maps"][0]["bytes"]), np.uint8)
    assert kept.size == 128 * 256
    corner = [0, 1, 16, 17]
    row = weights[corner].mean(0).reshape(4, 8, 2, 8, 2).sum((2, 4)).ravel()
    assert np.abs(kept[:256] / 255 - row / row.max()).max() < 1 / 255
