"""Photo puppets: real photographs that do what a motion says."""

import numpy as np
import pytest
import torch

from synclora_course.puppets import PHOTOS, puppet_clip
from synclora_lite.errors import ArtifactError
from synclora_lite.landmarks import track
from synclora_lite.portraits.motion import CHANNELS, Motion
from synclora_lite.sync import cue_traces

FRAMES = 13


def wave(cycles: float, phase: float = 0.0) -> torch.Tensor:
    return torch.sin(2 * np.pi * (cycles * torch.linspace(0, 1, FRAMES) + phase))


@pytest.fixture(scope="module")
def motion() -> Motion:
    """A second in which every channel does something of its own."""
    still = Motion(torch.zeros(FRAMES, len(CHANNELS)), fps=12.0)
    blink = torch.zeros(FRAMES)
    blink[6:8] = 1.0
    return still.replace(
        yaw=0.2 * wave(1),
        pitch=0.12 * wave(1, 0.25),
        roll=0.1 * wave(1.5, 0.1),
        gaze_x=wave(1, 0.6),
        mouth_open=0.4 + 0.4 * wave(2),
        blink_left=blink,
        blink_right=blink,
    )


@pytest.mark.parametrize("photo", PHOTOS)
def test_is_seen_in_every_frame_and_follows_the_motion(photo: str, motion: Motion) -> None:
    seen = track(puppet_clip(photo, motion, 192), cache=False)
    assert seen.found.all()
    traces = cue_traces(seen)
    channels = {"yaw": "yaw", "pitch": "pitch", "roll": "roll", "gaze_x": "gaze_x"}
    channels |= {"mouth": "mouth_open", "blink": "blink_left"}
    pearson = {
        cue: np.corrcoef(traces[cue], motion[channel].numpy())[0, 1]
        for cue, channel in channels.items()
    }
    assert min(pearson.values()) > 0.75, pearson


@pytest.mark.parametrize("photo", PHOTOS)
def test_a_blink_hides_the_eyes_and_nothing_else(photo: str) -> None:
    still = Motion(torch.zeros(2, len(CHANNELS)), fps=12.0)
    shut = torch.tensor([0.0, 1.0])
    before, after = puppet_clip(photo, still.replace(blink_left=shut, blink_right=shut), 128)
    changed = np.abs(before.astype(int) - after).max(-1) > 8
    assert 0.002 < changed.mean() < 0.05
    assert not changed[80:].any()


def test_size_and_type_of_the_frames(motion: Motion) -> None:
    frames = puppet_clip("grace_hopper", Motion(motion.values[:2], 12.0), 96)
    assert frames.shape == (2, 96, 96, 3)
    assert frames.dtype == np.uint8


def test_a_photo_that_does_not_exist_is_named_with_those_that_do(motion: Motion) -> None:
    with pytest.raises(ArtifactError, match="grace_hopper, eileen_collins"):
        puppet_clip("mona_lisa", motion)
