"""Cues: what each landmark track does over time, one named trace per movement."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from synclora_lite.landmarks import Track
from synclora_lite.sync import thresholds as limits
from synclora_lite.sync.correlate import Trace
from synclora_lite.sync.head import fit_head

Points = Float[np.ndarray, "frames 478 3"]

HEAD_CUES = ("yaw", "pitch", "roll", "x", "y")
CUES = (*HEAD_CUES, "mouth", "mouth_width", "gaze_x", "gaze_y", "blink")

# Face Mesh: inner lips as (upper, lower), and the corners of the mouth.
LIPS = ((13, 14), (82, 87), (312, 317))
MOUTH_CORNERS = (61, 291)


class Eye(NamedTuple):
    """Landmarks of one eye: corners, lids and the middle of the iris."""

    corners: tuple[int, int]
    upper: tuple[int, int, int]
    lower: tuple[int, int, int]
    iris: int


EYES = {
    "right": Eye((33, 133), (160, 159, 158), (144, 145, 153), 468),
    "left": Eye((362, 263), (385, 386, 387), (380, 374, 373), 473),
}


def cue_traces(track: Track) -> dict[str, Trace]:
    """Measure every cue in every frame; NaN where it cannot be seen.

    yaw, pitch, roll in radians; x, y: the head's place off the middle of the frame, in distances
    of the outer eye corners; mouth (lip opening), mouth_width, gaze_x, gaze_y in the same unit and
    the face's own coordinates; blink, blink_left, blink_right: 0 open as usual, 1 closed.
    """
    head = fit_head(track.face)
    height, width = track.size
    openness = {side: eye_openness(head.face, eye) for side, eye in EYES.items()}
    # each eye is trusted by the square of its apparent width: a head turned away shows one of them
    widths = {side: _distance(track.face, eye.corners) ** 2 for side, eye in EYES.items()}
    total = np.maximum(sum(widths.values()), 1e-12)
    weights = {side: width / total for side, width in widths.items()}
    both = sum(weights[side] * openness[side] for side in EYES)
    sides = {side: closedness(openness[side], both) for side in EYES}
    blink = sum(weights[side] * sides[side] for side in EYES)
    turned = np.abs(np.nan_to_num(head.yaw))
    iris = (both >= limits.GAZE_OPEN) & (turned <= limits.GAZE_PROFILE) & ~(blink >= limits.CLOSED)
    face = {
        "mouth": np.mean([_distance(head.face, pair) for pair in LIPS], axis=0),  # three places
        "mouth_width": _distance(head.face, MOUTH_CORNERS),
        "gaze_x": gaze(head.face, 0, weights, iris),
        "gaze_y": gaze(head.face, 1, weights, iris),
        "blink": blink,
        **{f"blink_{side}": closed for side, closed in sides.items()},
    }
    traces = {name: getattr(head, name) for name in ("yaw", "pitch", "roll")}
    traces["x"] = (head.centre[:, 0] - width / 2) / head.unit
    traces["y"] = (head.centre[:, 1] - height / 2) / head.unit
    traces |= {name: np.where(turned <= limits.PROFILE, t, np.nan) for name, t in face.items()}
    return {name: trace.astype(np.float64) for name, trace in traces.items()}


def eye_openness(face: Points, eye: Eye) -> Trace:
    """Distance of the lids of one eye over its width: the eye aspect ratio, in face coordinates."""
    gap = _mean_of(face, eye.lower)[:, 1] - _mean_of(face, eye.upper)[:, 1]
    return np.maximum(gap, 0) / _distance(face, eye.corners)


def closedness(openness: Trace, both: Trace) -> Trace:
    """1 minus the openness of an eye over its usual open level in this clip, within 0..1.

    The open level is the 80th percentile, so it holds while an eye is shut for part of the clip.
    If both eyes, weighted, are never open, nothing can be said (NaN).
    """
    if np.isnan(both).all() or np.nanpercentile(both, 80) < limits.BLINK_OPEN:
        return np.full_like(openness, np.nan)
    level = max(float(np.nanpercentile(openness, 80)), 1e-3)
    return np.clip(1 - openness / level, 0, 1)


def gaze(
    face: Points, axis: int, weights: dict[str, Trace], iris: Bool[np.ndarray, " frames"]
) -> Trace:
    """Offset of the irises from the middle of the eye corners along an axis, x or y.

    A straight line bridges frames without irises; it is unknown if too few show them. The vertical
    gaze takes in half of the upper lid's movement, which is easier to see than a small iris.
    """
    total = np.zeros(len(face))
    for side, eye in EYES.items():
        middle = _mean_of(face, eye.corners)
        offset = (face[:, eye.iris] - middle)[:, axis]
        if axis == 1:
            offset = offset + 0.5 * (_mean_of(face, eye.upper) - middle)[:, 1]
        total = total + weights[side] * offset
    known, frames = ~np.isnan(total), np.arange(len(total))
    shown = known & iris
    if not shown.any() or shown.sum() < limits.FACE_SEEN * known.sum():
        return np.full_like(total, np.nan)
    return np.where(known, np.interp(frames, frames[shown], total[shown]), np.nan)


def _distance(face: Points, ends: tuple[int, int]) -> Trace:
    return np.linalg.norm((face[:, ends[1]] - face[:, ends[0]])[:, :2], axis=1)


def _mean_of(face: Points, indices: Sequence[int]) -> Float[np.ndarray, "frames 3"]:
    return face[:, list(indices)].mean(1)
