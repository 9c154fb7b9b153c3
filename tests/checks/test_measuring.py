"""Exercises of chapter 8: their checks accept solutions and name the mistakes planted here."""

import numpy as np
import pytest

from tests.checks.contract import exercises, hold


def kept(source, truth, output, threshold=24, first=1, channels="any"):
    source, truth, output = (clip[first:].astype(float) for clip in (source, truth, output))
    edit = np.abs(source - truth)
    changed = getattr(edit >= threshold, channels)(-1)
    return 1 - np.abs(output - truth)[changed].sum() / edit[changed].sum()


def kept_with_frame_zero(source, truth, output, threshold=24):
    return kept(source, truth, output, threshold, first=0)


def kept_where_all_change(source, truth, output, threshold=24):
    return kept(source, truth, output, threshold, channels="all")


def kept_wrapping_round(source, truth, output, threshold=24):
    source, truth, output = (clip[1:] for clip in (source, truth, output))
    edit = np.abs(source - truth)
    changed = (edit >= threshold).any(-1)
    return 1 - np.abs(output - truth)[changed].sum() / edit[changed].sum()


def flicker_everywhere(truth, output, still=2):
    return np.abs(np.diff(output[1:].astype(float), axis=0)).mean()


def flicker_wrapping_round(truth, output, still=2):
    quiet = (np.abs(np.diff(truth[1:].astype(float), axis=0)) <= still).all(-1)
    return np.abs(np.diff(output[1:], axis=0))[quiet].mean()


def interval_of_values(values, resamples, level, rng):
    return tuple(np.quantile(values, [(1 - level) / 2, (1 + level) / 2]))


def interval_without_replacement(values, resamples, level, rng):
    means = [rng.permutation(values).mean() for _ in range(resamples)]
    return tuple(np.quantile(means, [(1 - level) / 2, (1 + level) / 2]))


def interval_with_one_tail(values, resamples, level, rng):
    picks = rng.integers(0, len(values), (resamples, len(values)))
    return tuple(np.quantile(values[picks].mean(1), [1 - level, level]))


def difference_of_means(first, second):
    means = [np.mean([v for v in d.values() if v is not None]) for d in (first, second)]
    return means[0] - means[1], len(set(first) & set(second))


def difference_with_zeros(first, second):
    clips = {**first, **second}
    return np.mean([(first.get(k) or 0) - (second.get(k) or 0) for k in clips]), len(clips)


def front_by_strict_rule(points):
    return {
        n
        for n, p in points.items()
        if not any(q[0] > p[0] and q[1] > p[1] for q in points.values())
    }


def front_without_equals(points):
    return {
        n
        for n, p in points.items()
        if not any(m != n and q[0] >= p[0] and q[1] >= p[1] for m, q in points.items())
    }


def front_of_the_best(points):
    return {max(points, key=lambda n: points[n][axis]) for axis in (0, 1)}


WRONG = {
    "check_edit_kept": [
        (kept_with_frame_zero, "frame 0 is given"),
        (kept_where_all_change, "any\\* channel"),
        (kept_wrapping_round, "wraps round"),
    ],
    "check_flicker": [
        (flicker_everywhere, "forget the mask"),
        (flicker_wrapping_round, "wraps round"),
    ],
    "check_bootstrap_interval": [
        (interval_of_values, "spread of the values"),
        (interval_without_replacement, "with replacement"),
        (interval_with_one_tail, "half of 1 - level"),
    ],
    "check_paired_difference": [
        (difference_of_means, "means over different clips"),
        (difference_with_zeros, "not a zero"),
    ],
    "check_pareto": [
        (front_by_strict_rule, "equal in the other beats"),
        (front_without_equals, "two equal points"),
        (front_of_the_best, "best in each number|points between"),
    ],
}


@pytest.mark.parametrize("exercise", exercises("08"), ids=lambda exercise: exercise.identifier)
def test_an_exercise_keeps_its_contract(exercise):
    hold(exercise, WRONG)
