"""One verdict from many measures."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synclora_lite.sync import thresholds
from synclora_lite.sync.blinks import BlinkScore
from synclora_lite.sync.report import CueScore, GestureScore, OffsetScore
from synclora_lite.sync.traces import CUES
from synclora_lite.sync.verdict import decide

GOOD = CueScore(0.95, 0.0, 0.9, (0.2, 0.2), 1.0, 0.0, 1.0, judged=True)
EVERYWHERE = np.ones(40, bool)


def verdict(cues=None, blinks=1.0, gesture=0.0, offset=0.0, found=None, **wrist):
    """Judge a pair that is good but for what is given; `wrist` is more about the gesture."""
    return decide(
        cues=dict.fromkeys(CUES, GOOD) | (cues or {}),
        blinks=BlinkScore(blinks, blinks, blinks, (3, 20), (3, 20)),
        gestures={"right_wrist": GestureScore(gesture, 1.0, judged=True, **wrist)},
        offset=OffsetScore(round(offset), offset, 1.0),
        found=found or (EVERYWHERE, EVERYWHERE),
    )


def test_a_good_pair_is_accepted_with_nearly_full_weight():
    report = verdict()
    assert report.accepted
    assert report.weight > 0.9


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"offset": 2.0}, "the edit is 2.0 frames late"),
        ({"offset": -1.0}, "the edit is 1.0 frame early"),
        ({"gesture": 0.19}, "right wrist 0.19 shoulder widths away"),
        ({"far": 0.4}, "right wrist 0.40 shoulder widths away or more in a fifth of the frames"),
        ({"motion": 0.2, "pearson": 0.3}, "right wrist does not follow the source (r = 0.30)"),
        ({"alone": (0.5, 0.0)}, "only the source shows the right wrist, in 50% of the frames"),
        ({"blinks": 0.2}, "blinks do not match"),
        ({"cues": {"mouth": replace(GOOD, pearson=0.1, lag=2.0)}}, "mouth does not follow"),
        ({"cues": {"mouth": replace(GOOD, pearson=0.1, lag=2.0)}}, "lags by 2.0 frames"),
        ({"cues": {"yaw": replace(GOOD, distance=0.9)}}, "yaw differs by 0.90 radians"),
        ({"cues": {"yaw": replace(GOOD, amplitude=5.0)}}, "yaw moves 5.0 times as much"),
        ({"found": (EVERYWHERE, np.arange(40) < 20)}, "no face in 20 of 40 frames of the edit"),
    ],
)
def test_a_fault_is_rejected_and_named(fault, words):
    report = verdict(**fault)
    assert report.verdict == "reject"
    assert any(words in reason for reason in report.reasons), report.reasons


def test_a_cue_without_motion_is_not_judged_and_changes_nothing():
    still = replace(GOOD, pearson=-0.4, amplitude=9.0, motion=(0.0, 0.0), judged=False)
    assert verdict(cues={"gaze_y": still}).accepted


def test_movement_that_only_the_edit_has_is_a_fault():
    floor = thresholds.LIMITS["mouth"].floor
    new = replace(GOOD, motion=(0.0, 10 * floor), judged=False)
    assert "only the edit moves its mouth" in verdict(cues={"mouth": new}).reasons


def test_a_pair_in_which_nothing_moves_is_rejected_not_praised():
    still = replace(GOOD, pearson=math.nan, motion=(0.0, 0.0), judged=False)
    report = verdict(cues=dict.fromkeys(CUES, still))
    assert not report.accepted
    assert report.weight == 0
    assert any("nothing to compare" in reason for reason in report.reasons)


@pytest.mark.parametrize(("sure", "verdict_then"), [(0.9, "reject"), (0.3, "accept")])
def test_halves_that_differ_in_lag_are_a_drift_if_that_is_certain(sure, verdict_then):
    report = decide(
        cues=dict.fromkeys(CUES, GOOD),
        blinks=BlinkScore(1.0, 1.0, 1.0, (3,), (3,)),
        gestures={},
        offset=OffsetScore(0, 0.0, 1.0, drift=2.0, drift_confidence=sure),
        found=(EVERYWHERE, EVERYWHERE),
    )
    assert report.verdict == verdict_then
    words = "the edit drifts: its second half is 2.0 frames later than its first"
    assert (words in report.reasons) == (verdict_then == "reject")


def test_a_hand_that_rests_need_not_follow():
    assert verdict(motion=0.05, pearson=-0.2).accepted


def test_a_lost_person_is_named_first_and_weighs_nothing():
    unknown = replace(GOOD, motion=(math.nan, math.nan), judged=False)
    found = EVERYWHERE, np.arange(40) < 10
    report = verdict(cues=dict.fromkeys(CUES, unknown), found=found)
    assert report.reasons[:2] == [
        "no face in 30 of 40 frames of the edit",
        "both halves show a face in only 10 of 40 frames",
    ]
    assert report.weight == 0


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 0.5), st.floats(-3, 3), st.floats(0, 1))
def test_making_any_measure_worse_never_saves_a_pair(pearson, blinks, gesture, offset, by):
    def of(worse):
        cue = replace(GOOD, pearson=pearson - worse)
        return verdict(
            cues={"mouth": cue},
            blinks=max(blinks - worse, 0.0),
            gesture=gesture + worse,
            offset=offset + math.copysign(worse, offset),
        )

    before, after = of(0.0), of(by)
    assert after.sync_error >= before.sync_error
    assert after.weight <= before.weight
    assert before.accepted or not after.accepted


@given(st.floats(0, 0.5))
def test_the_weight_is_half_where_the_verdict_changes(gesture):
    report = verdict(gesture=gesture)
    assert report.accepted == (report.weight >= 0.5)


def test_the_report_becomes_json_without_nan():
    unknown = CueScore(*[math.nan] * 3, (math.nan,) * 2, math.nan, math.nan, 0.0, judged=False)
    report = verdict(cues={"gaze_x": unknown})
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert plain["cues"]["gaze_x"]["pearson"] is None
    assert plain["verdict"] == "accept"
    assert plain["sync_error"] > 0


def test_every_cue_has_its_limits():
    assert tuple(thresholds.LIMITS) == CUES
