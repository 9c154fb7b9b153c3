"""What a trace does not pretend to know."""

from dataclasses import replace

import numpy as np
import pytest

from synclora_lite.landmarks import track
from synclora_lite.sync import cue_traces
from synclora_lite.sync.gestures import compare
from synclora_lite.sync.traces import EYES, closedness


def with_eyes(found, scale):
    """Narrow the eyes of a track: move every lid towards the middle of the corners."""
    face = found.face.copy()
    for eye in EYES.values():
        middle = face[:, list(eye.corners)].mean(1, keepdims=True)
        lids = [*eye.upper, *eye.lower]
        face[:, lids] = middle + scale * (face[:, lids] - middle)
    return replace(found, face=face)


def test_eyes_that_are_never_open_show_neither_gaze_nor_blinks(rendered):
    found = track(rendered[0])
    open_eyes, narrow = cue_traces(found), cue_traces(with_eyes(found, 0.2))
    for cue in ("gaze_x", "gaze_y", "blink"):
        assert np.isfinite(open_eyes[cue]).all()
        assert np.isnan(narrow[cue]).all()
    np.testing.assert_allclose(open_eyes["yaw"], narrow["yaw"])


def test_one_eye_that_stays_shut_is_closed_and_not_unknown():
    both = np.full(30, 0.2)
    assert (closedness(np.full(30, 0.2), both) == 0).all()
    assert np.isnan(closedness(np.full(30, 0.2), both / 4)).all()


def test_a_gesture_is_compared_by_place_and_by_path():
    time = np.linspace(0, 6, 60)
    path = np.stack([np.sin(time), np.cos(2 * time)], axis=1)
    same = compare(path, path + np.array([0.1, 0.0]))
    assert same.pearson == pytest.approx(1)
    assert (same.distance, same.far) == pytest.approx((0.1, 0.1))
    assert compare(path, path[::-1]).pearson < 0.5
    assert compare(path, 0 * path).pearson == 0
    assert not compare(path, np.full_like(path, np.nan)).judged
