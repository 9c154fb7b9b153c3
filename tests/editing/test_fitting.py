"""Clips of any length by windows of one: what is not changed comes back, whatever they share."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synclora_lite.editing.fitting import edit_in_windows


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
