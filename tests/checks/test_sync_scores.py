import numpy as np
import pytest

from synclora_course.checks.sync_scores import show_expected_lags
from synclora_lite.sync import pearson
from tests.checks.contract import exercises, hold


def cosine(x, y):
    return (x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum())


def covariance(x, y):
    return ((x - x.mean()) * (y - y.mean())).mean()


def divides_by_zero(x, y):
    with np.errstate(invalid="ignore"):
        return ((x - x.mean()) * (y - y.mean())).mean() / np.float64(x.std() * y.std())


def parts(a, b, lag):
    return (a[: len(a) - lag], b[lag:]) if lag >= 0 else (a[-lag:], b[:lag])


def early_is_positive(source, edited, max_lag):
    return max(range(-max_lag, max_lag + 1), key=lambda lag: pearson(*parts(edited, source, lag)))


def circular(source, edited, max_lag):
    return max(range(-max_lag, max_lag + 1), key=lambda lag: pearson(source, np.roll(edited, -lag)))


def unnormalised(source, edited, max_lag):
    a, b = source - source.mean(), edited - edited.mean()
    return max(range(-max_lag, max_lag + 1), key=lambda lag: np.prod(parts(a, b, lag), 0).sum())


def standardized_once(source, edited, max_lag):
    a, b = source - source.mean(), edited - edited.mean()
    return max(range(-max_lag, max_lag + 1), key=lambda lag: np.prod(parts(a, b, lag), 0).mean())


def sign_ignored(source, edited, max_lag):
    lags = range(-max_lag, max_lag + 1)
    return max(lags, key=lambda lag: abs(pearson(*parts(source, edited, lag))))


def empty_at_zero(source, edited, max_lag):
    def agreement(lag):
        early, late = (-lag, None), (None, lag)
        first, second = (early, late) if lag < 0 else ((None, -lag), (lag, None))
        return np.corrcoef(source[slice(*first)], edited[slice(*second)])[0, 1]

    return max(range(-max_lag, max_lag + 1), key=agreement)


def matched(source, edited, tolerance):
    free, count = list(edited), 0
    for event in source:
        near = [other for other in free if abs(other - event) <= tolerance]
        if near:
            free.remove(near[0])
            count += 1
    return count


def exchanged(source, edited, tolerance):
    count = matched(source, edited, tolerance)
    return count / max(1, len(source)), count / max(1, len(edited))


def shared_partners(source, edited, tolerance):
    found = sum(any(abs(s - e) <= tolerance for e in edited) for s in source)
    real = sum(any(abs(s - e) <= tolerance for s in source) for e in edited)
    return real / max(1, len(edited)), found / max(1, len(source))


def each_finds_one(source, edited, tolerance):
    found = sum(any(abs(s - e) <= tolerance for e in edited) for s in source)
    return found / max(1, len(edited)), found / max(1, len(source))


def strictly_within(source, edited, tolerance):
    count = matched(source, edited, tolerance - 1)
    return count / max(1, len(edited)), count / max(1, len(source))


def turned_auc(good, bad):
    return (np.asarray(good)[:, None] > np.asarray(bad)[None]).mean()


def without_ties(good, bad):
    return (np.asarray(bad)[:, None] > np.asarray(good)[None]).mean()


WRONG = {
    "check_pearson": [
        (cosine, "cosine"),
        (covariance, "covariance"),
        (divides_by_zero, "constant trace"),
        (lambda x, y: (x - x.mean()) * (y - y.mean()), "mean over the frames"),
    ],
    "check_best_lag": [
        (early_is_positive, "sign"),
        (circular, "np.roll|overlap"),
        (unnormalised, "plain sum|overlap"),
        (standardized_once, "overlap"),
        (sign_ignored, "sign included"),
        (empty_at_zero, "lag 0"),
        (lambda s, e, m: abs(early_is_positive(s, e, m)), "sign|overlap"),
    ],
    "check_match_events": [
        (exchanged, "exchanged"),
        (each_finds_one, "served two"),
        (shared_partners, "one partner"),
        (strictly_within, "<="),
    ],
    "check_auc": [(turned_auc, "turned round"), (without_ties, "one half")],
}


@pytest.mark.parametrize("exercise", exercises("03"), ids=lambda e: e.identifier)
def test_the_contract_holds(exercise):
    hold(exercise, WRONG)


def test_a_wrong_lag_is_drawn_beside_the_right_one():
    assert "Correlation by lag" in show_expected_lags().alt
