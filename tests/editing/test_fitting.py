"""Clips of any length by windows of one: what is not changed comes back, whatever they share."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synclora_lite.editing.fitting import edit_in_windows
from synclora_lite.errors import ModelError


def clip(frames: int) -> np.ndarray:
    return np.random.default_rng(frames).integers(0, 256, (frames, 2, 2, 3), dtype=np.uint8)


@given(st.integers(1, 20), st.integers(2, 7), st.integers(1, 6))
def test_every_window_begins_with_what_the_one_before_made_there(
    frames: int, window: int, overlap: int
) -> None:
    source = clip(frames)

    def edit(piece: np.ndarray, anchor: np.ndarray) -> np.ndarray:
        assert np.array_equal(piece[0], anchor)
        assert len(piece) == window
        return piece

    overlap = min(overlap, window - 1)
    made, seams = edit_in_windows(source, source[0], edit, window=window, overlap=overlap)
    assert np.array_equal(made, source)
    assert not any(seams)


@pytest.mark.parametrize(("window", "overlap"), [(1, 0), (1, 1), (3, 0), (3, 3)])
def test_windows_must_share_a_frame_if_there_are_several(window: int, overlap: int) -> None:
    def edit(piece: np.ndarray, anchor: np.ndarray) -> np.ndarray:
        return piece

    short = clip(window)
    made, _ = edit_in_windows(short, short[0], edit, window=window, overlap=overlap)
    assert np.array_equal(made, short)
    with pytest.raises(ModelError, match="expected windows of at least 2 frames that share"):
        edit_in_windows(clip(7), clip(7)[0], edit, window=window, overlap=overlap)
