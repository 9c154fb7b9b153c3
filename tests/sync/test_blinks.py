"""Blinks as events."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synclora_lite.sync.blinks import blink_events, match_blinks


def lids(*onsets, frames=60, depth=0.9, length=4):
    """Closedness with blinks that begin at the given frames."""
    closed = np.zeros(frames)
    for onset in onsets:
        closed[onset : onset + length] = depth
    return closed


onsets = st.lists(st.integers(1, 5), min_size=1, max_size=5).map(
    lambda steps: [3 + 9 * n + step for n, step in enumerate(steps)]
)


@given(onsets)
def test_every_blink_is_found_where_it_begins(frames):
    assert blink_events(lids(*frames)) == tuple(frames)


def test_lowered_lids_and_small_twitches_are_no_blinks():
    look_down = np.clip(np.linspace(-1, 0.7, 60), 0, 1)
    assert blink_events(look_down) == ()
    assert blink_events(lids(10, depth=0.2)) == ()


@given(onsets, st.integers(-1, 1))
def test_blinks_one_frame_off_still_match(frames, shift):
    score = match_blinks(lids(*frames), lids(*[frame + shift for frame in frames]))
    assert (score.precision, score.recall, score.f1) == (1, 1, 1)


@given(onsets, st.sampled_from([-3, -2, 2, 3]))
def test_blinks_two_frames_off_do_not(frames, shift):
    assert match_blinks(lids(*frames), lids(*[frame + shift for frame in frames])).f1 == 0


def test_a_missing_blink_costs_recall_and_an_invented_one_precision():
    missing = match_blinks(lids(10, 30), lids(10))
    invented = match_blinks(lids(10), lids(10, 30))
    assert (missing.precision, missing.recall) == (1, 0.5)
    assert (invented.precision, invented.recall) == (0.5, 1)
    assert missing.f1 == invented.f1 == pytest.approx(2 / 3)


def test_a_shallow_blink_confirms_a_deep_one():
    assert match_blinks(lids(10, depth=0.6), lids(10, depth=0.2)).f1 == 1
    assert match_blinks(lids(10, depth=0.9), lids(10, depth=0.15)).f1 == 0


def test_no_blinks_at_all_are_not_judged():
    score = match_blinks(lids(), lids())
    assert not score.judged
    assert score.f1 == 1


def test_unseen_eyes_do_not_blink():
    closed = lids(10)
    closed[40:50] = np.nan
    assert blink_events(closed) == (10,)


def test_blinks_that_the_other_clip_hides_do_not_count():
    hidden = lids(10)
    hidden[25:40] = np.nan
    assert match_blinks(lids(10, 30), hidden).f1 == 1
    assert not match_blinks(lids(10, 30), np.full(60, np.nan)).judged


def test_a_clip_that_blinks_alone_is_judged_by_its_share():
    for score in (match_blinks(lids(10), lids()), match_blinks(lids(), lids(10))):
        assert (score.judged, score.f1) == (True, 0)
