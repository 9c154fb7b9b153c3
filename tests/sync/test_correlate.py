"""Correlation and lag of traces, whatever the traces are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from synclora_lite.sync.correlate import (
    combined_lag,
    correlation_curve,
    evidence_of,
    pearson,
    smooth,
    zscore,
)

traces = hnp.arrays(np.float64, 30, elements=st.floats(-10, 10, width=32)).filter(
    lambda trace: trace.std() > 0.1
)
scales = st.floats(0.1, 10)
offsets = st.floats(-5, 5)


def lag_of(first, second, max_lag):
    return combined_lag([(first, second)], max_lag)


def wander(seed, frames=60):
    """Smooth noise, as a head moves."""
    return smooth(np.random.default_rng(seed).normal(size=frames), 1.5)


@given(traces, traces)
def test_pearson_is_symmetric_and_within_one(first, second):
    assert pearson(first, second) == pytest.approx(pearson(second, first))
    assert abs(pearson(first, second)) <= 1 + 1e-9


@given(traces, traces, scales, offsets)
def test_pearson_knows_no_scale_and_no_level(first, second, scale, offset):
    assert pearson(first, scale * second + offset) == pytest.approx(
        pearson(first, second), abs=1e-6
    )


@given(traces)
def test_a_trace_agrees_with_itself_and_opposes_its_negative(trace):
    assert pearson(trace, trace) == pytest.approx(1)
    assert pearson(trace, -trace) == pytest.approx(-1)


@given(traces)
def test_z_scores_have_mean_zero_and_deviation_one(trace):
    assert zscore(trace).mean() == pytest.approx(0, abs=1e-6)
    assert zscore(trace).std() == pytest.approx(1)


def test_a_constant_has_no_correlation_and_no_division_by_zero():
    assert pearson(np.ones(20), wander(0, 20)) == 0
    assert (zscore(np.full(5, 3.0)) == 0).all()
    assert (correlation_curve(np.full(30, 0.1), wander(0, 30), 4) == 0).all()


@given(traces, st.integers(0, 29))
def test_smoothing_keeps_gaps_and_the_range(trace, gap):
    trace = trace.copy()
    trace[gap] = np.nan
    result = smooth(trace, 1.0)
    assert np.isnan(result).nonzero()[0].tolist() == [gap]
    assert np.nanmin(result) >= np.nanmin(trace) - 1e-9
    assert np.nanmax(result) <= np.nanmax(trace) + 1e-9


@given(traces, traces)
def test_the_curve_holds_pearson_of_the_overlapping_parts(first, second):
    curve = correlation_curve(first, second, 5)
    for lag in (-5, -1, 0, 2):
        start, stop = max(0, -lag), 30 - max(0, lag)
        expected = pearson(first[start:stop], second[start + lag : stop + lag])
        assert curve[lag + 5] == pytest.approx(expected, abs=1e-4)


@given(traces, traces, st.sets(st.integers(0, 29), max_size=8))
def test_the_curve_leaves_missing_frames_out(first, second, gaps):
    second = second.copy()
    second[list(gaps)] = np.nan
    assert correlation_curve(first, second, 3)[3] == pytest.approx(pearson(first, second), abs=1e-4)


@given(st.integers(-6, 6), st.integers(0, 10_000))
@settings(max_examples=60)
def test_a_shifted_trace_is_found_late_by_its_shift(shift, seed):
    long = wander(seed, 80)
    first, second = long[10:70], long[10 - shift : 70 - shift]
    assert lag_of(first, second, 8).frames == shift


@given(st.integers(-4, 4), st.integers(0, 10_000))
@settings(max_examples=30)
def test_exchanging_the_traces_turns_the_lag_round(shift, seed):
    long = wander(seed, 80)
    first, second = long[10:70], long[10 - shift : 70 - shift]
    there, back = lag_of(first, second, 8), lag_of(second, first, 8)
    assert there.offset == pytest.approx(-back.offset, abs=1e-6)
    assert there.confidence == pytest.approx(back.confidence, abs=1e-6)


def test_half_a_frame_is_seen_as_half_a_frame():
    time = np.arange(60)
    first, second = np.sin(time / 4), np.sin((time - 0.4) / 4)
    assert lag_of(first, second, 8).offset == pytest.approx(0.4, abs=0.2)


def test_noise_gives_no_confidence_and_a_clear_shift_gives_much():
    generator = np.random.default_rng(5)
    noise = lag_of(generator.normal(size=40), generator.normal(size=40), 8)
    long = wander(1, 80)
    clear = lag_of(long[10:70], long[8:68], 8)
    assert noise.confidence < 0.5 < 0.95 < clear.confidence


def test_more_noise_never_makes_the_evidence_for_the_true_lag_stronger():
    trace, noise = wander(2), np.random.default_rng(2).normal(size=60)
    peaks = [evidence_of(trace, trace + level * noise, 8)[8] for level in (0, 0.3, 1, 3)]
    assert peaks == sorted(peaks, reverse=True)


@given(traces, traces, st.integers(30, 40))
def test_lags_beyond_the_length_are_unknown_and_change_no_other(first, second, most):
    curve, short = correlation_curve(first, second, most), correlation_curve(first, second, 29)
    assert len(curve) == 2 * most + 1
    assert np.isnan(curve[: most - 29]).all()
    assert np.isnan(curve[most + 30 :]).all()
    np.testing.assert_array_equal(curve[most - 29 : most + 30], short)


def test_the_lag_of_a_short_clip_is_found_whatever_the_reach():
    long = np.random.default_rng(3).normal(size=10)
    first, second = long[2:], long[:8]  # six frames in common, two late
    assert lag_of(first, second, 10) == lag_of(first, second, 7)
    assert lag_of(first, second, 10).frames == 2
