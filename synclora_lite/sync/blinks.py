"""Blinks as events: when the lids fall, and which blinks of two clips belong together."""

from dataclasses import dataclass
from statistics import harmonic_mean

import numpy as np
from jaxtyping import Float
from scipy.signal import find_peaks

from synclora_lite.sync import thresholds as limits

Closed = Float[np.ndarray, " frames"]


@dataclass(frozen=True)
class BlinkScore:
    """How well the blinks of the edit fall on those of the source."""

    precision: float  # share of the edit's blinks that the source has; NaN without any
    recall: float  # share of the source's blinks that the edit has; NaN without any
    f1: float  # harmonic mean; the known one if only one clip blinks, 1 if neither does
    source: tuple[int, ...]  # frames of the source's blinks
    edited: tuple[int, ...]  # frames of the edit's blinks

    @property
    def judged(self) -> bool:
        """Whether there was any blink to compare."""
        return bool(self.source or self.edited)


def blink_events(closed: Closed) -> tuple[int, ...]:
    """Return the frame in which each blink begins.

    A blink is a peak that stands out by BLINK_DEPTH within BLINK_WINDOW: lids that are lowered for
    longer, by a look down or a smile, are none. It begins when half of that height is passed, the
    fastest part. Frames in which the eyes are not seen count as open.
    """
    return tuple(onset for onset, height in _peaks(closed) if height >= limits.BLINK_DEPTH)


def match_blinks(source: Closed, edited: Closed) -> BlinkScore:
    """Compare the blinks of two closedness traces.

    A blink counts as kept when the other clip closes its eyes within BLINK_TOLERANCE frames, if
    only a share BLINK_SHARE as far. Frames in which either clip hides the eyes do not count.
    """
    unknown = np.isnan(source) | np.isnan(edited)
    source, edited = (np.where(unknown, np.nan, trace) for trace in (source, edited))
    first, second = blink_events(source), blink_events(edited)
    recall = _matched(source, edited) / len(first) if first else float("nan")
    precision = _matched(edited, source) / len(second) if second else float("nan")
    known = [value for value in (precision, recall) if not np.isnan(value)]
    f1 = float(harmonic_mean(known)) if known else 1.0
    return BlinkScore(precision, recall, f1, first, second)


def _peaks(closed: Closed) -> list[tuple[int, float]]:
    """Return onset and prominence of every rise of the lids that is more than noise."""
    _, found = find_peaks(  # with the edges of a peak at half of its height
        np.nan_to_num(closed), prominence=limits.BLINK_NOISE, wlen=limits.BLINK_WINDOW, width=0
    )
    onsets = np.ceil(found["left_ips"]).astype(int)
    return list(zip(onsets.tolist(), found["prominences"].tolist(), strict=True))


def _matched(closed: Closed, other: Closed) -> int:
    """Count the blinks of one trace with a partner of their own in the other, earliest first."""
    free, hits = _peaks(other), 0
    for onset, height in _peaks(closed):
        near = [
            (at, rise)
            for at, rise in free
            if abs(at - onset) <= limits.BLINK_TOLERANCE and rise >= limits.BLINK_SHARE * height
        ]
        if height >= limits.BLINK_DEPTH and near:
            free.remove(near[0])
            hits += 1
    return hits
