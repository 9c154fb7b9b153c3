"""Means with intervals, paired differences, and summaries by kind of edit."""

import numpy as np
import pytest

from synclora_course.exam import bootstrap, difference, summarize
from synclora_lite.errors import ConfigError


def test_the_interval_holds_the_true_mean_about_as_often_as_it_says():
    random = np.random.default_rng(0)
    draws = [bootstrap(random.normal(3, 1, 40), seed=k) for k in range(200)]
    assert 0.88 <= np.mean([draw.low <= 3 <= draw.high for draw in draws]) <= 0.99


def test_unknown_figures_are_left_out_and_counted():
    interval = bootstrap([1.0, None, 3.0])
    assert (interval.mean, interval.count) == (2.0, 2)
    assert 1 <= interval.low <= interval.mean <= interval.high <= 3
    with pytest.raises(ConfigError, match="no values"):
        bootstrap([None])


def test_the_same_seed_gives_the_same_interval():
    values = list(np.random.default_rng(1).random(30))
    assert bootstrap(values) == bootstrap(values)
    assert bootstrap(values) != bootstrap(values, seed=1)


def test_paired_differences_are_surer_than_the_methods_themselves():
    base = np.random.default_rng(2).random(50)
    first = [{"clip": k, "sync": value + 0.05} for k, value in enumerate(base)]
    second = [{"clip": k, "sync": value} for k, value in enumerate(base)]
    gain = difference(first, second[::-1], "sync")
    assert gain.mean == pytest.approx(0.05)
    assert gain.low > 0


def test_a_summary_has_all_clips_and_every_kind():
    rows = [
        {"clip": 0, "kind": "hair", "sync": 0.5, "blink_f1": None},
        {"clip": 1, "kind": "hat", "sync": 1.0, "blink_f1": 1.0},
    ]
    summary = summarize(rows)
    assert summary["clips"] == 2
    assert summary["all"]["sync"]["mean"] == 0.75
    assert summary["all"]["blink_f1"]["count"] == 1
    assert "blink_f1" not in summary["kinds"]["hair"]
    assert summary["kinds"]["hat"]["sync"]["mean"] == 1
