"""What needs no model: an edit that bends the source, and a first frame brought back into place."""

from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import UInt8

from synclora_lite.editing import edit_settings, edit_survival, edit_video, propagate, register
from synclora_lite.editing.flow import flow_between
from synclora_lite.editing.propagation import Propagation
from synclora_lite.editing.registration import smooth_move
from synclora_lite.errors import EditError
from synclora_lite.evaluation.conditions import Challenge, set_case
from synclora_lite.evaluation.metrics import edit_kept
from synclora_lite.portraits import held_out

Frames = UInt8[np.ndarray, "frames height width 3"]
KINDS: tuple[Propagation, Propagation] = ("deformation", "residual")


@cache
def challenge(kind: str, condition: str = "exact", seed: int = 77) -> Challenge:
    """Set the first case of a kind among the validation clips."""
    cases = enumerate(held_out(seed, 9, 17))
    number, case = next((k, case) for k, case in cases if case.kind == kind)
    return set_case(case, condition, seed=number)


def kept(task: Challenge, output: Frames) -> float:
    return edit_kept(task.source.frames, task.truth, output)


def test_a_smile_is_kept_better_by_a_bend_than_by_a_difference():
    task = challenge("expression")
    bent, added = (propagate(task.source.frames, task.first_frame, by) for by in KINDS)
    assert kept(task, bent) > kept(task, added) + 0.15


@pytest.mark.parametrize("kind", ["background", "skin"])
def test_where_an_edit_bends_nothing_a_deformation_is_nearly_a_residual(kind: str):
    task = challenge(kind)
    bent, added = (propagate(task.source.frames, task.first_frame, by) for by in KINDS)
    assert abs(kept(task, bent) - kept(task, added)) < 0.02


def test_a_deformation_of_an_unchanged_first_frame_gives_the_source_back():
    source = challenge("hat").source.frames
    assert np.array_equal(propagate(source, source[0], "deformation"), source)


def test_a_deformation_keeps_the_first_frame_as_it_is_given():
    task = challenge("hat")
    assert np.array_equal(
        propagate(task.source.frames, task.first_frame, "deformation")[0], task.first_frame
    )


@settings(max_examples=10)
@given(st.integers(-3, 3), st.integers(-3, 3))
def test_flow_finds_a_picture_that_was_shifted(right: int, down: int):
    frame = challenge("beard").source.frames[0]
    flow = flow_between(frame, np.roll(frame, (down, right), (0, 1)))[20:76, 20:76]
    assert np.median(np.abs(flow - (right, down)), axis=(0, 1)).max() < 0.2


@settings(max_examples=10)
@given(st.integers(-4, 4), st.integers(-4, 4))
def test_a_shifted_first_frame_is_moved_back_and_keeps_its_edit(right: int, down: int):
    task = challenge("glasses")
    original, edited = task.source.frames[0], task.first_frame
    shifted = np.roll(edited, (down, right), (0, 1))
    settled = register(original, shifted)

    def error(picture: UInt8[np.ndarray, "height width 3"]) -> float:
        return float(np.abs(picture.astype(int) - edited)[16:80, 16:80].mean())

    assert error(settled) <= max(0.4 * error(shifted), 1.0)
    assert error(settled) < error(original)


@pytest.mark.parametrize("kind", ["glasses", "beard", "expression", "hat"])
def test_an_edit_is_not_taken_for_a_move(kind: str):
    task = challenge(kind)
    assert np.array_equal(register(task.source.frames[0], task.first_frame), task.first_frame)


def test_registering_a_picture_onto_itself_changes_nothing():
    frame = challenge("hair").source.frames[0]
    assert np.array_equal(register(frame, frame), frame)
    assert np.abs(smooth_move(frame, frame)).max() < 0.1


def test_large_pictures_are_registered_like_small_ones():
    task = challenge("beard", "moved")
    small = task.source.frames[0], task.first_frame
    large = (cv2.resize(p, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC) for p in small)
    found = cv2.resize(smooth_move(*large), (96, 96), interpolation=cv2.INTER_AREA) / 4
    expected = smooth_move(*small)
    assert np.abs(found - expected).mean() < 0.1 * np.abs(expected).mean()


def test_pictures_of_two_sizes_are_not_registered():
    frame = challenge("hair").source.frames[0]
    with pytest.raises(EditError, match="edited frame of 96x80; expected 96x96"):
        register(frame, frame[:80])


def test_the_gates_stand_in_prefers_a_smile_that_is_bent():
    task = challenge("expression")
    source, first = task.source.frames, task.first_frame
    bent, added = (edit_survival(source, first, propagate(source, first, by)) for by in KINDS)
    assert bent > 0.95 > added + 0.2


def test_a_first_frame_whose_head_moved_loses_less_when_it_is_registered():
    task = challenge("beard", "moved")
    plain, registered = (
        edit_video(
            task.source,
            task.first_frame,
            edit_settings({"method": "deformation-propagation", "register": wanted}),
        )
        for wanted in (False, True)
    )
    assert kept(task, registered.clip.frames) > kept(task, plain.clip.frames) + 0.01
    assert registered.report["provenance"]["register"]
    assert not np.array_equal(registered.first_frame, plain.first_frame)
