"""What needs no model: an edit propagated by flow, and how much of an edit is kept."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import UInt8

from synclora_course.exam.conditions import Challenge, set_case
from synclora_lite.editing import edit_retention, propagate
from synclora_lite.editing.flow import flow_between
from synclora_lite.editing.propagation import Propagation
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


def test_edit_retention_prefers_a_smile_that_is_bent():
    task = challenge("expression")
    source, first = task.source.frames, task.first_frame
    bent, added = (edit_retention(source, first, propagate(source, first, by)) for by in KINDS)
    assert bent > 0.95 > added + 0.2


def test_edit_retention_is_nothing_for_the_source_and_unknown_without_an_edit():
    task = challenge("hat")
    source, first = task.source.frames, task.first_frame
    assert edit_retention(source, first, source) == 0
    assert edit_retention(source, first, task.truth) > 0.5
    assert np.isnan(edit_retention(source, source[0], source))
