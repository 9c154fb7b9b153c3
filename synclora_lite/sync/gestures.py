"""Gestures: where the joints of the body are in two clips, and whether they move alike."""

import numpy as np
from jaxtyping import Float

from synclora_lite.landmarks import Track
from synclora_lite.sync import thresholds
from synclora_lite.sync.correlate import smooth
from synclora_lite.sync.head import fit_head
from synclora_lite.sync.report import GestureScore
from synclora_lite.sync.traces import BODY_POINTS, body_points, eye_distance, shoulder_width

Path = Float[np.ndarray, "frames 2"]


def score_gestures(source: Track, edited: Track) -> dict[str, GestureScore]:
    """Compare where shoulders, elbows and wrists are, in shoulder widths of the source.

    A gesture that differs from the first frame on may have the same *movement*, so the place
    counts as well. Frame sizes may differ; the picture's layout is taken to be the same.
    """
    width = shoulder_width(source, eye_distance(fit_head(source.face)))
    ratio = np.array(source.size[::-1]) / np.array(edited.size[::-1])
    mine, theirs = body_points(source) / width, body_points(edited) * ratio / width
    scores = {}
    for row, (name, joint) in enumerate(BODY_POINTS.items()):
        # shares of frames in which one clip certainly shows a joint that the other hides; frames
        # without a body count for neither: a face that is lost is looked at elsewhere
        seen = source.pose[:, joint, 3], edited.pose[:, joint, 3]
        there = [visible >= thresholds.BODY_THERE for visible in seen]
        gone = [visible <= thresholds.BODY_GONE for visible in seen]
        alone = float((there[0] & gone[1]).mean()), float((there[1] & gone[0]).mean())
        scores[name] = compare(mine[:, row], theirs[:, row], alone)
    return scores


def compare(source: Path, edited: Path, alone: tuple[float, float] = (0.0, 0.0)) -> GestureScore:
    """Compare the paths of one joint, NaN where it is not seen; see `GestureScore`."""
    distance = np.linalg.norm(source - edited, axis=1)
    seen = ~np.isnan(distance)
    coverage = float(seen.mean())
    if not seen.any():
        nan = float("nan")
        return GestureScore(nan, coverage, judged=False, far=nan, alone=alone)
    # how far the source moves, and the correlation of both coordinates together
    first, second = (
        np.stack([smooth(path[seen, axis]) for axis in (0, 1)], axis=1) for path in (source, edited)
    )
    first, second = first - first.mean(0), second - second.mean(0)
    size = np.sqrt((first**2).sum() * (second**2).sum())
    return GestureScore(
        distance=float(np.median(distance[seen])),
        coverage=coverage,
        judged=coverage >= thresholds.BODY_SEEN,
        far=float(np.percentile(distance[seen], 80)),
        alone=alone,
        motion=float(np.sqrt((first**2).sum(1).mean())),
        pearson=float((first * second).sum() / size) if size > 1e-9 else 0.0,
    )
