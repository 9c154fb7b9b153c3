"""Comparing two traces: smoothing, z-scores, Pearson correlation, and the lag between them.

Pearson of smoothed, z-scored traces fits the plots of arXiv 2512.03013, whose formula is not
published. It hardly moves at an offset of a frame: lag is measured on its own, from all cues.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import gaussian_filter1d

Trace = Float[np.ndarray, " frames"]
Curve = Float[np.ndarray, " lags"]

MIN_FRAMES = 6  # fewer common frames say nothing about a correlation


def smooth(trace: Trace, sigma: float = 1.0) -> Trace:
    """Gaussian smoothing over `sigma` frames; NaN stays NaN, without weight it does not spread."""
    known = ~np.isnan(trace)
    weight = gaussian_filter1d(known.astype(np.float64), sigma, mode="nearest")
    value = gaussian_filter1d(np.where(known, trace, 0.0), sigma, mode="nearest")
    return np.where(known, value / np.maximum(weight, 1e-9), np.nan)


def zscore(trace: Trace) -> Trace:
    """Subtract the mean and divide by the standard deviation; a constant becomes zeros."""
    centred = trace - np.nanmean(trace)
    deviation = np.nanstd(trace)
    return centred / deviation if deviation > 1e-12 else np.zeros_like(centred)


def common(first: Trace, second: Trace) -> Bool[np.ndarray, " frames"]:
    """Frames in which both traces are known."""
    return ~(np.isnan(first) | np.isnan(second))


def pearson(first: Trace, second: Trace) -> float:
    """Pearson correlation over the common frames; NaN if too few, 0 if one is constant."""
    both = common(first, second)
    if both.sum() < MIN_FRAMES:
        return float("nan")
    return float(np.mean(zscore(first[both]) * zscore(second[both])))


def correlation_curve(first: Trace, second: Trace, max_lag: int) -> Curve:
    """Pearson of first[t] and second[t + lag] for every lag in -max_lag..max_lag.

    Missing frames are left out. NaN where too few frames meet, 0 where one trace is constant.
    """
    if min(np.sum(~np.isnan(first)), np.sum(~np.isnan(second))) < MIN_FRAMES:
        return np.full(2 * max_lag + 1, np.nan)
    known = [(~np.isnan(trace)).astype(np.float64) for trace in (first, second)]
    a, b = (np.nan_to_num(trace - np.nanmean(trace)) for trace in (first, second))

    def meeting(later: Trace, earlier: Trace) -> Curve:
        """Sum later[t + lag] * earlier[t] over t, for every lag."""
        middle = len(earlier) - 1
        sums = np.pad(np.correlate(later, earlier, mode="full"), max_lag)
        return sums[middle : middle + 2 * max_lag + 1]

    count = meeting(known[1], known[0])
    sum_a, sum_b = meeting(known[1], a), meeting(b, known[0])
    spread_a = count * meeting(known[1], a * a) - sum_a**2
    spread_b = count * meeting(b * b, known[0]) - sum_b**2
    product = np.maximum(spread_a, 0) * np.maximum(spread_b, 0)
    size = count**4 * np.mean(a * a) * np.mean(b * b)
    moving = product > 1e-12 * size
    r = (count * meeting(b, a) - sum_a * sum_b) / np.sqrt(np.where(moving, product, 1.0))
    return np.where(count < MIN_FRAMES, np.nan, np.where(moving, r, 0.0))


@dataclass(frozen=True)
class Lag:
    """How late the second trace is."""

    frames: int  # the best whole lag; positive when the second trace is late
    offset: float  # the same with a fraction, from a parabola through the best three
    confidence: float  # share of the likelihood that the best lag has among all lags, 0..1


def lag_of_evidence(evidence: Curve) -> Lag:
    """Find the peak of a log likelihood over lags -L..L; NaN counts as impossible."""
    max_lag = len(evidence) // 2
    filled = np.where(np.isnan(evidence), -np.inf, evidence)
    if not np.isfinite(filled).any():
        return Lag(0, 0.0, 0.0)
    best, offset = int(np.argmax(filled)), 0.0
    share = np.exp(filled - filled[best])
    left, middle, right = np.pad(filled, 1, constant_values=-np.inf)[best : best + 3]
    bend = left - 2 * middle + right
    if np.isfinite(bend) and bend < 0:  # vertex of the parabola, within half a step of the peak
        offset = float(np.clip((left - right) / (2 * bend), -0.5, 0.5))
    return Lag(best - max_lag, best - max_lag + offset, float(1 / share.sum()))


def evidence_of(first: Trace, second: Trace, max_lag: int) -> Curve:
    """Log likelihood of each lag, if one trace is a scaled copy of the other plus noise.

    With a correlation r over n frames the Gaussian likelihood is (1 - r^2)^(-n/2). Neighbouring
    frames of a smooth trace are no independent witnesses: every third one counts.
    """
    frames = int(common(first, second).sum())
    r = np.clip(correlation_curve(first, second, max_lag), 0.0, 0.995)
    return -frames / 6 * np.log1p(-(r**2))


def combined_lag(cues: Sequence[tuple[Trace, Trace]], max_lag: int) -> Lag:
    """Find the lag that the evidence of several cues together speaks for."""
    evidence = [evidence_of(first, second, max_lag) for first, second in cues]
    known = [curve for curve in evidence if np.isfinite(curve).any()]
    return lag_of_evidence(np.sum(known or evidence, axis=0))
