"""Rendered portraits: findable, moving as told, and edited as named."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_fill_holes

from recipes.scenes import feature_mask
from synclora_course.exam.scenes import sample_light, sample_occluder
from synclora_lite.landmarks import track
from synclora_lite.landmarks.tasks import faces
from synclora_lite.landmarks.track import enlarge
from synclora_lite.portraits import (
    EDIT_KINDS,
    FAR_TURN,
    Camera,
    edit_case,
    held_out,
    render_batch,
    render_clip,
    sample_identity,
    sample_motion,
)
from synclora_lite.portraits.edits import HELD_OUT
from synclora_lite.portraits.motion import CHANNELS, Motion
from synclora_lite.sync import cue_traces


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_one_face_is_found_in_one_frame_of_each_of_200_identities():
    """Each frame by itself: the mesh is asked for up to five faces, and no frame before helps."""
    people = [sample_identity(seeded(s)) for s in range(200)]
    moments = [sample_motion(seeded(s)) for s in range(200)]
    moments = [Motion(m.values[s % 17][None], m.fps) for s, m in enumerate(moments)]
    frames = render_batch(people, moments, 96)[:, 0].numpy()
    found = [len(each) for each in faces(enlarge(frames))]
    assert found == [1] * 200


@pytest.mark.parametrize(
    ("channel", "cue", "least"),
    [
        ("yaw", "yaw", 0.9),
        ("roll", "roll", 0.9),
        ("mouth_open", "mouth", 0.85),
        ("gaze_x", "gaze_x", 0.85),
        ("blink_left", "blink", 0.85),
    ],
)
def test_what_mediapipe_reads_follows_the_true_motion(channel, cue, least):
    agreement = []
    for case in held_out(seed=5, clips=6):
        truth = case.motion[channel].numpy()
        read = cue_traces(track(render_clip(case.source, case.motion, 128)))[cue]
        if truth.std() > 0.02:
            agreement.append(abs(np.corrcoef(truth, read)[0, 1]))
    assert np.median(agreement) >= least


def test_the_same_seed_draws_the_same_bytes():
    case = edit_case(7, "hat")
    assert (render_clip(case.source, case.motion) == render_clip(case.source, case.motion)).all()


def test_a_batch_is_its_clips():
    cases = held_out(seed=0, clips=3)
    batch = render_batch([c.source for c in cases], [c.motion for c in cases], 64)
    alone = [render_clip(c.source, c.motion, 64) for c in cases]
    assert np.abs(batch.numpy().astype(int) - np.stack(alone)).max() <= 1


@pytest.mark.parametrize("kind", EDIT_KINDS)
def test_every_edit_is_seen_and_moves_alike(kind):
    case = edit_case(11, kind)
    source, edited = (
        render_clip(who, case.motion, 64, Camera(blur=0.0)) for who in (case.source, case.edited)
    )
    assert (np.abs(source.astype(int) - edited).max(axis=(1, 2, 3)) > 25).all()


def test_closed_eyes_show_no_white_and_no_smear():
    case = edit_case(3, "hair")
    still = Motion(torch.zeros(2, len(CHANNELS)), 12.0)
    ones = torch.tensor([0.0, 1.0])
    motion = still.replace(blink_left=ones, blink_right=ones)
    opened, closed = render_clip(case.source, motion, 256, Camera(blur=0.0)).astype(int)
    eyes = feature_mask([motion], 256)[0, 0].numpy() > 0
    assert (closed[eyes].min(axis=-1) > 230).sum() < 0.1 * (opened[eyes].min(axis=-1) > 230).sum()
    assert (opened[~eyes] == closed[~eyes]).mean() > 0.98


def test_held_out_cases_are_not_training_cases():
    training = [edit_case(k, EDIT_KINDS[k % len(EDIT_KINDS)]).source for k in range(50)]
    assert not any(case.source in training for case in held_out(seed=0, clips=20))


@pytest.mark.parametrize("seed", [0, 80, 1999, 2147, 5000, 10**9, -1])
def test_a_held_out_case_does_not_depend_on_how_many_there_are(seed):
    few, many = held_out(seed, clips=1), held_out(seed, clips=3)
    assert few[0].source == many[0].source
    assert few[0].edited == many[0].edited


@given(st.integers(0, 2000), st.integers(1, len(EDIT_KINDS)))
@settings(max_examples=10)
def test_a_case_of_an_exam_is_that_of_its_number(seed, k):
    number = HELD_OUT + 1_000_003 * seed + k
    case = held_out(seed, clips=k + 1)[k]
    assert case.edited == edit_case(number, EDIT_KINDS[k % len(EDIT_KINDS)]).edited


def test_the_lens_blurs_edges_and_keeps_the_brightness():
    case = edit_case(4, "hair")
    sharp, soft = (
        render_clip(case.source, case.motion, 96, Camera(blur)).astype(float) for blur in (0.0, 0.8)
    )
    assert np.abs(np.diff(soft, axis=2)).max() < 0.8 * np.abs(np.diff(sharp, axis=2)).max()
    assert abs(soft.mean() - sharp.mean()) < 0.5


def test_nothing_is_before_the_face_in_frame_0_and_something_later():
    for seed in range(6):
        case = edit_case(seed, "hair")
        hidden = Camera(occluder=sample_occluder(seeded(seed)))
        clear, seen = (render_clip(case.source, case.motion, 64, c) for c in (Camera(), hidden))
        changed = (np.abs(clear.astype(int) - seen).max(-1) > 30).mean((1, 2))
        assert changed[0] == 0
        assert changed.max() > 0.02


def test_a_hand_has_the_skin_of_its_person_and_a_cup_its_own_colour():
    case = edit_case(5, "skin")
    motion, shares = case.motion, {}
    for kind in ("hand", "cup"):
        seeds = (s for s in range(50) if sample_occluder(seeded(s)).kind == kind)
        camera = Camera(occluder=sample_occluder(seeded(next(seeds))))
        first, second = (
            render_clip(w, motion, 64, camera).astype(int) for w in (case.source, case.edited)
        )
        plain = render_clip(case.source, motion, 64, Camera()).astype(int)
        before = np.abs(first - plain).max(-1) > 30
        shares[kind] = (np.abs(first - second).max(-1) > 10)[before].mean()
    assert shares["hand"] > shares["cup"] + 0.1


def test_a_far_turn_starts_near_the_front_and_goes_to_its_limit():
    yaws = torch.stack([sample_motion(seeded(s), turn=FAR_TURN)["yaw"] for s in range(60)])
    assert yaws[:, 0].abs().max() <= 0.27
    assert 0.5 < yaws.abs().max() <= FAR_TURN
    assert (yaws.abs().amax(1) > 0.35).float().mean() > 0.5


@pytest.mark.parametrize("yaw", [-0.6, -0.3, 0.3, 0.6])
def test_a_turned_head_is_closed(yaw):
    """Hair, hat and skin of one colour that nothing else has leave no holes in the head."""
    grey = dict.fromkeys(("skin", "hair_color", "hat_color", "clothing_color"), (0.5, 0.5, 0.5))
    for seed in range(4):
        person = replace(
            sample_identity(seeded(seed)), hat=seed % 2 * 1.0, background_top=(0.0, 0.0, 1.0)
        )
        person = replace(person, background_bottom=(0.0, 0.0, 1.0), **grey)
        pose = Motion(torch.zeros(1, len(CHANNELS)), 12.0).replace(yaw=torch.tensor([yaw]))
        frame = render_clip(person, pose, 96, Camera(0.0)).astype(int)[0]
        portrait = frame[..., 2] - frame[..., 0] <= 120
        assert (binary_fill_holes(portrait) == portrait).all()


def test_light_moves_between_frames():
    light = sample_light(seeded(0))
    assert light.shape == (17, 6)
    assert (light[0] - light[-1]).abs().max() > 0.1
