import numpy as np
import pytest

from tests.checks.contract import exercises, hold


def by_height(frames):
    half = frames.shape[1] // 2
    return frames[:, :half], frames[:, half:]


def with_the_middle(frames):
    half = frames.shape[2] // 2
    return frames[:, :, :half], frames[:, :, half:]


def right_first(frames):
    half = frames.shape[2] // 2
    return frames[:, :, -half:], frames[:, :, :half]


def one_late(frames, at, count):
    times = np.arange(frames)
    return np.where(times <= at, times, times + count)


def held(frames, at, count):
    times = np.arange(frames)
    return np.where(times < at, times, np.maximum(times - count, at))


def shorter(frames, at, count):
    return np.delete(np.arange(frames), slice(at, at + count))


def each_alone(checks, order):
    return [len(checks), *(sum(c.get(name, 0) <= 1 for c in checks) for name in order)]


def strictly(checks, order):
    counts = [len(checks)]
    for name in order:
        checks = [c for c in checks if c.get(name, 0) < 1]
        counts.append(len(checks))
    return counts


def without_the_start(checks, order):
    counts = []
    for name in order:
        checks = [c for c in checks if c.get(name, 0) <= 1]
        counts.append(len(checks))
    return counts


def stops_early(errors, good, purity):
    limit, kept = 0.0, []
    for value, fine in sorted(zip(errors, good, strict=True)):
        kept.append(fine)
        if np.mean(kept) < purity:
            break
        limit = value
    return float(limit)


def smallest(errors, good, purity):
    fit = [m for m in errors if good[errors <= m].mean() >= purity]
    return float(min(fit)) if fit else 0.0


def by_recall(errors, good, purity):
    fit = [m for m in errors if good[errors <= m].sum() >= purity * max(1, good.sum())]
    return float(min(fit)) if fit and good.any() else 0.0


WRONG = {
    "check_split_panels": [
        (by_height, "axis 2"),
        (with_the_middle, "middle column"),
        (right_first, "comes first"),
    ],
    "check_drop_map": [(one_late, "use <"), (held, "skipping"), (shorter, "keeps its length")],
    "check_survivors": [
        (each_alone, "stays lost"),
        (strictly, "still passes"),
        (without_the_start, "all pairs"),
    ],
    "check_pick_limit": [
        (stops_early, "rise again"),
        (smallest, "most generous"),
        (by_recall, "accepted|rise again"),
    ],
}


@pytest.mark.parametrize("exercise", exercises("02"), ids=lambda e: e.identifier)
def test_the_contract_holds(exercise):
    hold(exercise, WRONG)
