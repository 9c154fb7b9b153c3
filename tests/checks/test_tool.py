"""Exercises of the appendix: their checks accept solutions and name the mistakes planted here."""

import numpy as np
import pytest

from tests.checks.contract import exercises, hold


def residual(first, frame, edited, flow, sign=1, order=(0, 1)):
    height, width = frame.shape[:2]
    y, x = np.mgrid[:height, :width]
    from_x = np.clip(x + sign * flow[..., order[0]], 0, width - 1)
    from_y = np.clip(y + sign * flow[..., order[1]], 0, height - 1)
    change = edited.astype(int) - first
    return np.clip(frame + change[from_y, from_x], 0, 255).astype(np.uint8)


def residual_backwards(first, frame, edited, flow):
    return residual(first, frame, edited, flow, sign=-1)


def residual_down_first(first, frame, edited, flow):
    return residual(first, frame, edited, flow, order=(1, 0))


def residual_in_place(first, frame, edited, flow):
    return np.clip(frame.astype(int) + edited - first, 0, 255).astype(np.uint8)


def start_exchanged(latents, noise, levels, start):
    return start * latents + (1 - start) * noise, [start, *(v for v in levels if v < start)]


def start_left_out(latents, noise, levels, start):
    return (1 - start) * latents + start * noise, [v for v in levels if v < start]


def framing(source, edited):
    across, grown = (eyes[1] - eyes[0] for eyes in (source, edited))
    distance = np.linalg.norm(across)
    shift = np.linalg.norm(edited.mean(0) - source.mean(0)) / distance
    turn = np.arctan2(*grown[::-1]) - np.arctan2(*across[::-1])
    return shift, abs(np.log(np.linalg.norm(grown) / distance)), abs(turn)


def framing_in_pixels(source, edited):
    shift, scale, roll = framing(source, edited)
    return shift * np.linalg.norm(source[1] - source[0]), scale, roll


def framing_as_a_ratio(source, edited):
    shift, _, roll = framing(source, edited)
    return (
        shift,
        np.linalg.norm(edited[1] - edited[0]) / np.linalg.norm(source[1] - source[0]),
        roll,
    )


WRONG = {
    "check_residual_frame": [
        (residual_backwards, "do not subtract"),
        (residual_down_first, "x first"),
        (residual_in_place, "forget to carry"),
    ],
    "check_start_at": [
        (start_exchanged, "exchange the two"),
        (start_left_out, "`start` itself"),
    ],
    "check_framing": [
        (framing, "wrap round"),
        (framing_in_pixels, "not in pixels"),
        (framing_as_a_ratio, "logarithm of the ratio"),
    ],
}


@pytest.mark.parametrize("exercise", exercises("10"), ids=lambda exercise: exercise.identifier)
def test_an_exercise_keeps_its_contract(exercise):
    hold(exercise, WRONG)
