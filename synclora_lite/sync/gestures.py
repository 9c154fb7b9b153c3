"""Gestures: where the joints of the body are in two clips, and whether they move alike."""

import numpy as np
from jaxtyping import Float

from synclora_lite.landmarks import Track
from synclora_lite.sync import thresholds
from synclora_lite.sync.correlate import smooth
from synclora_lite.sync.head import fit_head
from synclora_lite.sync.report import GestureScore
from synclora_lite.sync.traces import BODY_POINTS, body_points, eye_distance, shoulder_width

Visibility = Float[np.ndarray, " frames"]
Path = Float[np.ndarray, "frames 2"]


def score_gestures(source: Track, edited: Track) -> dict[str, GestureScore]:
    """Compare where shoulders, elbows and wrists are, in shoulder widths of the source.

    A gesture that differs from the first frame on may have the same *movement*, so the place
    counts as well. Frame sizes may differ; the picture's layout is taken to be the same.
    """
    width = shoulder_width(source, eye_distance(fit_head(source.face)))
    ratio = np.array(source.size[::-1]) / np.array(edited.size[::-1])
    mine, theirs = body_points(source) / width, body_points(edited) * ratio / width
    seen = source.pose[..., 3], edited.pose[..., 3]
    return {
        name: compare(mine[:, row], theirs[:, row], _alone(seen[0][:, joint], seen[1][:, joint]))
        for row, (name, joint) in enumerate(BODY_POINTS.items())
    }


def compare(source: Path, edited: Path, alone: tuple[float, float] = (0.0, 0.0)) -> GestureScore:
    """Compare the paths of one joint, NaN where it is not seen; see `GestureScore`."""
    distance = np.linalg.norm(source - edited, axis=1)
    seen = ~np.isnan(distance)
    coverage = float(seen.mean())
    if not seen.any():
        nan = float("nan")
        return GestureScore(nan, coverage, judged=False, far=nan, alone=alone)
    motion, pearson = _follows(source[seen], edited[seen])
    return GestureScore(
        distance=float(np.median(distance[seen])),
        coverage=coverage,
        judged=coverage >= thresholds.BODY_SEEN,
        far=float(np.percentile(distance[seen], 80)),
        alone=alone,
        motion=motion,
        pearson=pearson,
    )


def _follows(source: Path, edited: Path) -> tuple[float, float]:
    """Return how far the source moves, and the correlation of both coordinates together."""
    first, second = (
        np.stack([smooth(path[:, axis]) for axis in (0, 1)], axis=1) for path in (source, edited)
    )
    first, second = first - first.mean(0), second - second.mean(0)
    motion = float(np.sqrt((first**2).sum(1).mean()))
    size = np.sqrt((first**2).sum() * (second**2).sum())
    return motion, float((first * second).sum() / size) if size > 1e-9 else 0.0


def _alone(source: Visibility, edited: Visibility) -> tuple[float, float]:
    """Return the shares of frames in which one clip certainly shows a joint that the other hides.

    Frames without a body count for neither: a face that is lost is looked at elsewhere.
    """
    there, gone = thresholds.BODY_THERE, thresholds.BODY_GONE
    return (
        float(((source >= there) & (edited <= gone)).mean()),
        float(((edited >= there) & (source <= gone)).mean()),
    )
