"""Exercises of chapter 7: their checks accept solutions and name the mistakes planted here."""

from functools import partial

import numpy as np
import pytest

from tests.checks.contract import exercises, hold


def warped(edited, flow, sign=1, order=(0, 1), clip=True):
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width]
    from_x, from_y = x + sign * flow[..., order[0]], y + sign * flow[..., order[1]]
    if clip:
        from_x, from_y = np.clip(from_x, 0, width - 1), np.clip(from_y, 0, height - 1)
    return edited[from_y % height, from_x % width]


def warped_backwards(edited, flow):
    return warped(edited, flow, sign=-1)


def warped_down_first(edited, flow):
    return warped(edited, flow, order=(1, 0))


def warped_around(edited, flow):
    return warped(edited, flow, clip=False)


def warped_beyond_the_border(edited, flow):
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]]
    return edited[y + flow[..., 1], x + flow[..., 0]]


def not_warped(edited, flow):
    return edited.copy()


def flowedit_exchanged(edit, source, noise, sigma, following, predict_source, predict_edit):
    noisy = (1 - sigma) * source + sigma * noise
    pull = predict_source(noisy, sigma) - predict_edit(edit + noisy - source, sigma)
    return edit + (following - sigma) * pull


def flowedit_uphill(edit, source, noise, sigma, following, predict_source, predict_edit):
    noisy = (1 - sigma) * source + sigma * noise
    pull = predict_edit(edit + noisy - source, sigma) - predict_source(noisy, sigma)
    return edit + (sigma - following) * pull


def flowedit_without_noise(edit, source, noise, sigma, following, predict_source, predict_edit):
    noisy = (1 - sigma) * source + sigma * noise
    return edit + (following - sigma) * (predict_edit(edit, sigma) - predict_source(noisy, sigma))


def flowedit_at_the_source(edit, source, noise, sigma, following, predict_source, predict_edit):
    noisy = (1 - sigma) * source + sigma * noise
    return edit + (following - sigma) * (predict_edit(noisy, sigma) - predict_source(noisy, sigma))


def flowedit_noised_directly(edit, source, noise, sigma, following, predict_source, predict_edit):
    noisy = [(1 - sigma) * x + sigma * noise for x in (edit, source)]
    return edit + (following - sigma) * (
        predict_edit(noisy[0], sigma) - predict_source(noisy[1], sigma)
    )


def flowedit_told(edit, source, noise, sigma, following, predict_source, predict_edit, levels):
    noisy = (1 - sigma) * source + sigma * noise
    first, second = levels(sigma, following)
    pull = predict_edit(edit + noisy - source, first) - predict_source(noisy, second)
    return edit + (following - sigma) * pull


def guided_with_three_passes(predict, x, sigma, reference, scale):
    if scale in (0, 1):
        return predict(x, sigma, reference if scale else None)
    with_it, without = predict(x, sigma, reference), predict(x, sigma, None)
    return without + scale * (with_it - predict(x, sigma, None))


def guided_from_the_wrong_end(predict, x, sigma, reference, scale):
    without, referred = predict(x, sigma, None), predict(x, sigma, reference)
    return referred + scale * (referred - without)


def guided_with_two_passes(predict, x, sigma, reference, scale):
    without, referred = predict(x, sigma, None), predict(x, sigma, reference)
    return without + scale * (referred - without)


WRONG = {
    "check_warped_frame": [
        (warped_backwards, "do not subtract"),
        (warped_down_first, "x first"),
        (warped_around, "border pixel"),
        (not_warped, "read it along"),
        (warped_beyond_the_border, "border pixel"),
    ],
    "check_flowedit_step": [
        (flowedit_exchanged, "other way.* turned round"),
        (flowedit_uphill, "other way"),
        (flowedit_without_noise, "not noisy"),
        (flowedit_noised_directly, "x itself is noised"),
        (flowedit_at_the_source, "not at S_sigma"),
        (partial(flowedit_told, levels=lambda now, then: (then, now)), "another noise level"),
        (partial(flowedit_told, levels=lambda now, then: (1 - now, 1 - now)), "noise level"),
    ],
    "check_guided": [
        (guided_from_the_wrong_end, "without"),
        (guided_with_two_passes, "not needed"),
        (guided_with_three_passes, "keep both answers"),
    ],
}


@pytest.mark.parametrize("exercise", exercises("07"), ids=lambda exercise: exercise.identifier)
def test_an_exercise_keeps_its_contract(exercise):
    hold(exercise, WRONG)
