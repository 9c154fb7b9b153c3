"""Checks of chapter 3: correlation, lag, events and the order that a score makes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from synclora_course.checks.framework import Report, check
from synclora_lite.sync import pearson as correlation
from synclora_lite.sync import smooth
from synclora_lite.viz import PALETTE, Picture, figure, style

Function = Callable[..., Any]
Trace = Float[np.ndarray, " frames"]
LENGTHS = ("broadcast", "must match exactly")  # what NumPy says of parts of different lengths


@check("3.1")
def check_pearson(report: Report, pearson: Function) -> None:
    """Check Pearson's correlation of two traces."""
    x, y = report.rng.standard_normal((2, 40)) + 1.5
    got = report.call(pearson, x, y)
    report.shape(got, (), "r", "return one number: the mean over the frames")
    centred, spread = (x - x.mean()) * (y - y.mean()), x.std() * y.std()
    covariance, frames = centred.mean(), len(x)
    sample = x.std(ddof=1) * y.std(ddof=1)
    cosine = (x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum())
    smoothed = correlation(smooth(x), smooth(y))
    mistakes = {
        "subtract the mean of each trace first": (x * y).mean() / spread,
        "subtract the means: this is the cosine similarity": cosine,
        "divide by both standard deviations: this is the covariance": covariance,
        "use one deviation throughout: `ddof=1` does not go with a mean over T": covariance
        / sample,
        "take the mean over the frames, not the sum": centred.sum() / spread,
        "divide by the standard deviations, not by the variances": covariance / spread**2,
        "divide the sum by T, not by T - 1": centred.sum() / (frames - 1) / spread,
        "do not smooth in here: whoever calls `pearson` has done so": smoothed,
    }
    report.close(got, np.corrcoef(x, y)[0, 1], "r of two random traces", mistakes=mistakes)
    hint = "r must not change when a trace is scaled and shifted: standardize both"
    scaled = report.call(pearson, x, 3 * y - 7)
    report.close(scaled, got, "r is blind to a trace's size and level", hint)
    report.close(report.call(pearson, x, -x), -1.0, "r of opposite traces is -1", "keep the sign")
    constant = report.call(pearson, x, np.full(40, 2.0))
    hint = "a constant trace has deviation 0: return 0 before you divide"
    report.close(constant, 0.0, "a constant trace gives 0", hint)


def _wandering(report: Report, frames: int) -> Trace:
    """Smooth random motion."""
    return gaussian_filter1d(report.rng.standard_normal(frames), 1.5) * 3


def _shifted(report: Report, lag: int, frames: int = 60) -> tuple[Trace, Trace]:
    """A source and an edit that is `lag` frames late, larger, and noisy."""
    long = _wandering(report, frames + 40)
    source, edited = long[20:-20], long[20 - lag : 20 - lag + frames]
    return source, 1.4 * edited + 0.05 * report.rng.standard_normal(frames) + 2


@check("3.2")
def check_best_lag(report: Report, best_lag: Function) -> None:
    """Check the lag between two traces."""
    lengths = "the two parts differ in length; at lag 0, `trace[:-0]` is empty: cut by length there"
    report.aids = dict.fromkeys(LENGTHS, lengths)
    for lag in (3, -2, 0, 5, -6):
        source, edited = _shifted(report, lag)
        got = report.call(best_lag, source, edited, 6)
        report.shape(got, (), "the lag", "return one whole number")
        report.picture(lambda s=source, e=edited, g=got: _draw_lags(s, e, int(g)))  # type: ignore[misc]
        mistakes = {
            "the sign is turned round: positive means that the edit is late": -lag,
            "this is the lag's place in the list, counted from 0: return the lag itself": lag + 6,
            "negative lags count too: try all from -max_lag to max_lag": 0 if lag < 0 else np.nan,
        }
        hint = "correlate the parts that overlap: source[t] with edited[t + lag]"
        report.close(got, lag, f"finds a known lag of {lag:+d}", hint, mistakes=mistakes)
    wraps = "nothing wraps around: `np.roll` brings frames of the end to the start"
    anew = "standardize each overlap anew: a plain sum of products favours long overlaps"
    sign = "take the largest r, sign included: an edit that moves the other way does not agree"
    for draw, what, hint in (
        (_wrapping, "frames of the end never meet the start", wraps),
        (_lopsided, "every lag is judged by its own overlap", anew),
        (_opposed, "opposite motion is no agreement", sign),
    ):
        source, edited = draw(report)
        got = report.call(best_lag, source, edited, 6)
        report.picture(lambda s=source, e=edited, g=got: _draw_lags(s, e, int(g)))  # type: ignore[misc]
        report.expect(got == _right(source, edited), what, hint)


def _curve(source: Trace, edited: Trace) -> Float[np.ndarray, "13"]:
    """Correlation at the lags -6..6."""
    parts = [(source[-lag:], edited[:lag]) for lag in range(-6, 0)]
    parts += [(source[: len(source) - lag], edited[lag:]) for lag in range(7)]
    return np.array([correlation(a, b) for a, b in parts])


def _right(source: Trace, edited: Trace) -> int:
    return int(np.argmax(_curve(source, edited))) - 6


def _wrapping(report: Report) -> tuple[Trace, Trace]:
    """Traces for which correlating in a circle finds another lag."""
    while True:
        source, edited = _shifted(report, int(report.rng.integers(4, 7)), frames=16)
        circle = [np.corrcoef(source, np.roll(edited, -lag))[0, 1] for lag in range(-6, 7)]
        if int(np.argmax(circle)) - 6 != _right(source, edited):
            return source, edited


def _lopsided(report: Report) -> tuple[Trace, Trace]:
    """Traces for which products of the whole traces, summed or averaged, find another lag."""
    while True:
        source, edited = _shifted(report, int(report.rng.integers(4, 7)), frames=14)
        a, b = source - source.mean(), edited - edited.mean()
        products = [
            a[: len(a) - lag] * b[lag:] if lag >= 0 else a[-lag:] * b[:lag] for lag in range(-6, 7)
        ]
        peaks = [int(np.argmax([of(part) for part in products])) - 6 for of in (np.sum, np.mean)]
        if _right(source, edited) not in peaks:
            return source, edited


def _opposed(report: Report) -> tuple[Trace, Trace]:
    """Traces that agree well at one lag and are opposite, still more strongly, at another."""
    while True:
        source, edited = _shifted(report, int(report.rng.integers(-4, 5)), frames=16)
        edited = edited + 2 * report.rng.standard_normal(len(edited))
        if int(np.argmax(np.abs(_curve(source, edited)))) - 6 != _right(source, edited):
            return source, edited


def _draw_lags(source: Trace, edited: Trace, answer: int) -> Picture:
    """Draw the traces, and the correlation at every lag with the student's answer."""
    right, lags = _right(source, edited), np.arange(-6, 7)
    with style():
        canvas = figure(8.0, 2.4)
        left, curve = canvas.subplots(1, 2)
        left.plot(source, color=PALETTE["grey"], linewidth=3, label="source")
        left.plot((edited - edited.mean()) / 1.4, "--", color=PALETTE["blue"], label="edit")
        left.set_xlabel("frame")
        left.legend()
        curve.plot(lags, _curve(source, edited), "o-", color=PALETTE["blue"])
        curve.axvline(right, color=PALETTE["green"], linewidth=5, alpha=0.4, label="expected")
        curve.axvline(answer, color=PALETTE["orange"], linestyle="--", label="your answer")
        curve.set_xlabel("lag in frames")
        curve.set_ylabel("r")
        curve.legend()
        alt = f"Correlation by lag: the peak is at {right}, the answer was {answer}."
        return Picture.from_figure(canvas, alt)


def show_expected_lags() -> Picture:
    """Draw what exercise 3.2 should find for an edit that is three frames late."""
    source, edited = _shifted(Report("3.2", 4), 3)
    return _draw_lags(source, edited, 3)


@check("3.3")
def check_match_events(report: Report, match_events: Function) -> None:
    """Check precision and recall of matched events."""
    got = report.call(match_events, [4, 15, 27], [5, 27], 1)
    report.parts(got, 2, "return precision, recall", "returns two numbers")
    mistakes = {
        "precision divides by the edit's events and recall by the source's: yours are exchanged": (
            2 / 3,
            1.0,
        ),
        "an event at exactly the tolerance counts: use <=, and match by distance, not by place in "
        "the list": (0.5, 1 / 3),
    }
    report.close(np.array(got), (1.0, 2 / 3), "two of three blinks are found", mistakes=mistakes)
    mistakes = {"each event has one partner at most: take a matched one out": (1.0, 1.0)}
    twice = np.array(report.call(match_events, [10], [9, 11], 1))
    report.close(twice, (0.5, 1.0), "one event takes one partner", mistakes=mistakes)
    mistakes = {
        **mistakes,
        "one event of the edit served two of the source: take a matched one out": (2.0, 1.0),
    }
    twice = np.array(report.call(match_events, [9, 11], [10], 1))
    report.close(twice, (1.0, 0.5), "and the other way round", mistakes=mistakes)
    hint = "with no events on one side there is nothing to divide by: return 0 there"
    report.close(np.array(report.call(match_events, [3], [], 1)), (0, 0), "no events", hint)
    report.close(np.array(report.call(match_events, [], [3], 1)), (0, 0), "none in source", hint)
    _check_random_events(report, match_events)


def _check_random_events(report: Report, match_events: Function) -> None:
    for tolerance in (0, 1, 2):
        source = np.sort(report.rng.choice(np.arange(0, 200, 12), 6, replace=False))
        moved = np.sort(source[:4] + report.rng.integers(-tolerance, tolerance + 1, 4))
        extra = source[4:] + 6
        edited = sorted([*moved.tolist(), *extra.tolist()])
        got = np.array(report.call(match_events, source.tolist(), edited, tolerance))
        hint = f"use the tolerance that is given, here {tolerance}"
        report.close(got, (4 / 6, 4 / 6), f"random blinks, tolerance {tolerance}", hint)


@check("3.4")
def check_auc(report: Report, auc: Function) -> None:
    """Check the area under the ROC curve, by counting."""
    good, bad = np.array([0.2, 1.0]), np.array([0.5, 1.5])
    got = report.call(auc, good, bad)
    report.shape(got, (), "the AUC", "return one number: the mean over all pairs of pairs")
    mistakes = {
        "a *bad* pair should have the larger sync error: the difference is turned round": 0.25,
        "compare every bad with every good pair, not one by one": 1.0,
    }
    report.close(got, 0.75, "three of four are in order", mistakes=mistakes)
    same = np.full(3, 0.5)
    mistakes = {"a tie counts one half, not 0": 0.0, "a tie counts one half, not 1": 1.0}
    tied = report.call(auc, same, same[:2])
    report.close(tied, 0.5, "ties count one half", "a tie counts one half", mistakes=mistakes)
    good = report.rng.normal(0, 1, 30).round(1)
    bad = report.rng.normal(1, 1, 20).round(1)
    ranks = [((b > good) + 0.5 * (b == good)).mean() for b in bad]
    hint = "divide by the number of good times the number of bad pairs"
    report.close(report.call(auc, good, bad), np.mean(ranks), "random sync errors", hint)
    larger = report.call(auc, np.exp(good), np.exp(bad))
    report.close(larger, np.mean(ranks), "only the order counts", "do not use the sizes")
