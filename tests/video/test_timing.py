"""Frame rates: resampling repeats or drops whole frames, and uneven stamps find their grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synclora_lite.video import VideoError, resample, resample_indices
from synclora_lite.video.clip import regular_grid
from tests.video.clips import moving_clip

rates = st.floats(1, 120)


@given(frames=st.integers(1, 300), fps=rates, target=rates)
def test_resampling_is_monotone_and_keeps_the_time_of_each_frame(
    frames: int, fps: float, target: float
) -> None:
    indices = resample_indices(frames, fps, target)
    assert indices[0] == 0
    assert (np.diff(indices) >= 0).all()
    assert indices.max() < frames
    assert len(indices) == pytest.approx(frames * target / fps, abs=0.5 + 1e-6) or len(indices) == 1
    shift = indices / fps - np.arange(len(indices)) / target
    inside = np.arange(len(indices)) / target <= (frames - 1) / fps
    assert np.abs(shift[inside]).max() <= 0.5 / fps + 1e-6


@given(frames=st.integers(1, 100), fps=rates, factor=st.integers(1, 5))
def test_up_and_down_again_gives_the_frames_back(frames: int, fps: float, factor: int) -> None:
    up = resample_indices(frames, fps, fps * factor)
    down = resample_indices(len(up), fps * factor, fps)
    assert np.array_equal(up[down], np.arange(frames))


def test_the_same_rate_changes_nothing() -> None:
    clip = moving_clip(5)
    assert resample(clip, clip.fps) is clip
    assert resample(clip, 24).duration == pytest.approx(clip.duration)


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_rates_that_make_no_sense_are_refused(fps: float) -> None:
    with pytest.raises(VideoError, match="frames a second"):
        resample(moving_clip(3), fps)


@settings(max_examples=60)
@given(
    frames=st.integers(2, 200),
    fps=st.sampled_from([10.0, 12.0, 23.976, 25.0, 29.97, 60.0]),
    noise=st.floats(0, 0.2),
    seed=st.integers(0, 9),
)
def test_jitter_below_half_a_frame_is_no_variable_rate(
    frames: int, fps: float, noise: float, seed: int
) -> None:
    jitter = np.random.default_rng(seed).uniform(-noise, noise, frames) / fps
    stamps = 3.0 + np.arange(frames) / fps + jitter
    rate, grid = regular_grid(stamps.tolist(), fps, 3000)
    assert rate == fps
    assert np.array_equal(grid, np.arange(frames))


@given(
    steps=st.lists(st.integers(0, 12), min_size=1, max_size=60),
    declared=st.none() | st.floats(0.001, 1e6),
)
def test_any_stamps_give_a_monotone_grid_or_a_clear_refusal(
    steps: list[int], declared: float | None
) -> None:
    stamps = np.cumsum([0, *steps]) / 30
    rate, grid = regular_grid(stamps.tolist(), declared, 3000)
    assert 0 < rate <= 1000
    assert grid[0] == 0
    assert (np.diff(grid) >= 0).all()
    assert grid[-1] == len(stamps) - 1


def test_stamps_that_jump_by_hours_are_refused() -> None:
    with pytest.raises(VideoError, match="time stamps"):
        regular_grid([0.0, 0.1, 0.2, 36_000.0], 10.0, 3000)
