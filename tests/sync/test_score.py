"""Scores of rendered pairs, whose truth is known, and of real ones where there are any."""

import json
from dataclasses import replace

import numpy as np
import pytest

from synclora_course import corruption
from synclora_lite.landmarks import track
from synclora_lite.portraits import Motion
from synclora_lite.sync import CUES, cue_traces, pearson, score_clips, score_tracks
from synclora_lite.sync.score import floors
from synclora_lite.video import Clip, crop, read_clip
from tests.sync.clips import SPARE, beside_the_checkout, make_pair

INNER = slice(SPARE, -SPARE)
REAL_PAIR = beside_the_checkout("*/data/real/paired_video.mp4")
REAL_EDITS = beside_the_checkout("*/data/real/*_concat.mp4")
PANELS = ((0, 0, 512, 512), (538, 0, 1050, 512), (1050, 0, 1562, 512), (1562, 0, 2074, 512))


def test_traces_follow_the_true_motion(rendered):
    source, _, motion = rendered
    traces = cue_traces(track(source))
    truth = Motion(motion.values[INNER], motion.fps)
    names = {"yaw": "yaw", "roll": "roll", "mouth": "mouth_open", "blink": "blink_left"}
    for cue, channel in names.items():
        least = 0.8 if cue == "mouth" else 0.85  # the lens softens lips more than a head
        assert pearson(traces[cue], truth[channel].double().numpy()) > least, cue


def test_the_exact_edit_is_accepted(rendered):
    source, edit, _ = rendered
    report = score_clips(source, edit[INNER])
    assert report.accepted, report.reasons
    assert report.offset.frames == 0
    assert report.offset.confidence > 0.9


def test_a_clip_agrees_with_itself_perfectly(rendered):
    report = score_clips(rendered[0], rendered[0])
    assert report.sync_error == pytest.approx(0, abs=1e-6)
    assert report.weight == pytest.approx(1)
    assert all(cue.pearson == pytest.approx(1) for cue in report.cues.values() if cue.judged)


@pytest.mark.parametrize("by", [-5, -4, -3, -2, -1, 1, 2, 3, 4, 5])
def test_an_offset_is_found_exactly_and_rejected(rendered, by):
    source, edit, _ = rendered
    report = score_clips(source, corruption.shown(edit, corruption.late(len(source), by), SPARE))
    assert report.offset.frames == by
    assert not report.accepted
    side = "late" if by > 0 else "early"
    assert any(side in reason for reason in report.reasons)


def test_a_skip_that_no_shift_can_mend_is_named_a_drift(rendered):
    source, edit, _ = rendered
    skips = corruption.shown(edit, corruption.dropped(len(source), 12, 2), SPARE)
    report = score_clips(source, skips)
    assert report.offset.drift == pytest.approx(-2, abs=0.4)
    assert any("the edit drifts" in reason for reason in report.reasons)


def test_another_motion_is_rejected(rendered):
    assert not score_clips(rendered[0], make_pair(seed=4)[1][INNER]).accepted


def test_small_turns_of_a_head_in_profile_are_noise():
    front, side = np.full(30, 0.2), np.full(30, -0.9)
    plain, profile = floors(front, front), floors(front, side)
    assert {name for name in CUES if profile[name] > plain[name]} == {"yaw", "pitch"}
    assert floors(np.full(30, np.nan), front) == plain


def test_a_lost_face_is_rejected_and_counted(rendered):
    source, edit, _ = rendered
    report = score_clips(source, corruption.face_lost(edit[INNER], 5, 13))
    assert "no face in 8 of 25 frames of the edit" in report.reasons


def test_removed_blinks_are_missed():
    motion = make_pair(seed=3)[2]
    lids = np.zeros(len(motion), np.float32)
    lids[[SPARE + 8, SPARE + 9, SPARE + 10]] = (0.7, 1.0, 0.7)
    blinking = motion.replace(
        **{name: motion[name].new_tensor(lids) for name in ("blink_left", "blink_right")}
    )
    source = make_pair(seed=3, motion=blinking)[0]
    edit = make_pair(seed=3, motion=corruption.without_blinks(blinking))[1]
    report = score_clips(source, edit[INNER])
    assert report.blinks.source == (9,)  # where the lids are closed
    assert report.blinks.f1 == 0
    assert not report.accepted


def test_a_raised_hand_is_seen_though_the_face_agrees(rendered):
    source = track(rendered[0])
    pose = np.full((len(source), 33, 4), np.nan, np.float32)
    pose[:, 11:17] = [[124, 100, 0, 1], [4, 100, 0, 1], [120, 120, 0, 1], [8, 120, 0, 1],
                      [90, 125, 0, 1], [38, 125, 0, 1]]  # fmt: skip
    raised = pose.copy()
    raised[:, 16, 1] -= 0.2 * 120
    alike = score_tracks(replace(source, pose=pose), replace(source, pose=pose))
    differs = score_tracks(replace(source, pose=pose), replace(source, pose=raised))
    assert alike.accepted
    assert differs.gestures["right_wrist"].distance == pytest.approx(0.2, abs=0.02)
    assert any("right wrist" in reason for reason in differs.reasons)


def test_a_faceless_clip_is_rejected_without_nan_in_the_report(rendered):
    report = score_clips(rendered[0], np.zeros_like(rendered[0]))
    assert not report.accepted
    json.dumps(report.to_dict(), allow_nan=False)
    assert report.faces == (1, 0)


def test_two_empty_rooms_are_rejected():
    nothing = np.zeros((9, 64, 64, 3), np.uint8)
    assert not score_clips(nothing, nothing).accepted


def test_a_few_frames_are_enough_not_to_fail(rendered):
    for count in (1, 2, 5, 7):
        assert set(score_clips(rendered[0][:count], rendered[0][:count]).cues) == set(CUES)


def test_clips_and_frames_score_the_same(rendered):
    source, edit, motion = rendered
    clips = Clip(source, motion.fps), Clip(edit[INNER], motion.fps)
    assert score_clips(*clips).to_dict() == score_clips(source, edit[INNER]).to_dict()


@pytest.mark.parametrize("path", [None, *REAL_PAIR], ids=str)
def test_a_generated_pair_of_a_whole_person_is_accepted(path, rendered):
    if path is None:
        source, edited = rendered[0], rendered[1][INNER]
    else:
        clip = read_clip(path)
        panels = [crop(clip, (x, 0, x + 480, 480)).frames for x in (0, 480)]
        source, edited = panels
    report = score_clips(source, edited)
    assert report.accepted, report.reasons
    assert not score_clips(source, edited[::-1]).accepted


@pytest.mark.parametrize("path", [None, *REAL_EDITS], ids=str)
def test_edits_in_time_are_in_time_and_other_people_are_not(path, rendered):
    if path is None:
        panels = [rendered[0], rendered[1][INNER]]
    else:
        clip = read_clip(path)
        clip = replace(clip, frames=clip.frames[:33])
        panels = [crop(clip, box).frames for box in PANELS]
    stranger = make_pair(seed=5, frames=len(panels[0]))[0]
    assert not score_clips(panels[0], stranger).accepted
    for edited in panels[1:]:
        report = score_clips(panels[0], edited)
        assert abs(report.offset.frames) <= 1
        json.dumps(report.to_dict(), allow_nan=False)
