"""Saving pairs that are off by a constant number of frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synclora_course import corruption
from synclora_lite.errors import PairError
from synclora_lite.sync import overlap, realign
from tests.sync.clips import SPARE


@given(st.integers(20, 90), st.integers(20, 90), st.integers(-8, 8), st.sampled_from([4, 8]))
def test_what_remains_is_the_same_moments_at_a_legal_length(source, edited, shift, step):
    mine, theirs = overlap(source, edited, shift, step)
    first, second = np.arange(source)[mine], np.arange(edited)[theirs]
    assert (second - first == shift).all()
    assert len(first) == len(second)
    assert (len(first) - 1) % step == 0
    most = min(source, edited, source + min(shift, 0), edited - max(shift, 0))
    assert len(first) > most - step - abs(shift)


def test_too_short_clips_say_so():
    with pytest.raises(PairError, match="5 frames remain after a shift of 4"):
        overlap(9, 9, 4, 8)


def test_a_late_edit_is_saved(rendered):
    source, edit, _ = rendered
    late = corruption.shown(edit, corruption.late(len(source), 3), SPARE)
    result = realign(source, late, step=4)
    assert (result.shift, result.saved) == (3, True)
    assert len(result.source) == len(result.edited) == 21
    np.testing.assert_array_equal(result.source[0], source[0])
    np.testing.assert_array_equal(result.edited[0], edit[SPARE])
    assert result.after.offset.frames == 0


def test_a_pair_in_time_is_only_cropped(rendered):
    source, edit, _ = rendered
    result = realign(source, edit[SPARE:-SPARE], step=8)
    assert (result.shift, result.saved, len(result.source)) == (0, False, 25)
