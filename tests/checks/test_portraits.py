import numpy as np
import pytest
import torch

from tests.checks.contract import exercises, hold


def to_unit(frames):
    return torch.from_numpy(frames).float().permute(3, 0, 1, 2)[None] / 255


def reshaped(frames):
    return (torch.from_numpy(frames).float() / 127.5 - 1).reshape(1, 3, *frames.shape[:3])


def frames_first(frames):
    return (torch.from_numpy(frames).float() / 127.5 - 1).permute(0, 3, 1, 2)[None]


def wrapping(source, edited, threshold=24):
    return np.abs(source - edited).max(-1) >= threshold


def averaged(source, edited, threshold=24):
    return np.abs(source.astype(int) - edited).mean(-1) >= threshold


def fixed_threshold(source, edited, threshold=24):
    return np.abs(source.astype(int) - edited).max(-1) > 23


def per_colour(source, edited, threshold=24):
    return np.abs(source.astype(int) - edited) >= threshold


def blink(motion, at, fps=None):
    seconds = torch.arange(len(motion)) / (fps or motion.fps)
    return torch.exp(-(((seconds - at) / 0.105) ** 4))


def overwrites(motion, at):
    return motion.replace(blink_left=blink(motion, at), blink_right=blink(motion, at))


def one_eye(motion, at):
    return motion.replace(blink_left=torch.maximum(motion["blink_left"], blink(motion, at)))


def counts_frames(motion, at):
    new = torch.maximum(motion["blink_left"], blink(motion, at, fps=1))
    return motion.replace(blink_left=new, blink_right=new)


def writes_into_it(motion, at):
    motion.values[:, 5:7] = torch.maximum(motion.values[:, 5:7], blink(motion, at)[:, None])
    return motion


def gap(face, axes=slice(0, 2)):
    return np.linalg.norm(face[:, 14, axes] - face[:, 13, axes], axis=-1)


def with_depth(face):
    return gap(face, slice(0, 3)) / np.linalg.norm(face[:, 263] - face[:, 33], axis=-1)


WRONG = {
    "check_to_model": [
        (to_unit, "multiply by 2"),
        (reshaped, "reshape"),
        (frames_first, "order is batch"),
    ],
    "check_changed_pixels": [
        (wrapping, "wrap around"),
        (averaged, "not the mean"),
        (fixed_threshold, "threshold is an argument"),
        (per_colour, "one answer per pixel"),
    ],
    "check_add_blink": [
        (overwrites, "is lost"),
        (one_eye, "both eyes"),
        (counts_frames, "in seconds"),
        (lambda motion, at: motion, "must be returned"),
        (writes_into_it, "copy it"),
    ],
    "check_mouth_gap": [(gap, "divide"), (with_depth, "depth")],
}


@pytest.mark.parametrize("exercise", exercises("01"), ids=lambda e: e.identifier)
def test_the_contract_holds(exercise):
    hold(exercise, WRONG)
