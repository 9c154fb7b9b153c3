"""Gestures: where the joints of the body are in two clips, and whether they move alike."""

import numpy as np
from jaxtyping import Float

from synclora_lite.landmarks import Track
from synclora_lite.sync import thresholds
from synclora_lite.sync.correlate import smooth
from synclora_lite.sync.head import fit_head
from synclora_lite.sync.report import GestureScore

Path = Float[np.ndarray, "frames 2"]

JOINTS = {
    "left_shoulder": 11, "right_shoulder": 12, "left_elbow": 13, "right_elbow": 14,
    "left_wrist": 15, "right_wrist": 16,
}  # fmt: skip


def score_gestures(source: Track, edited: Track) -> dict[str, GestureScore]:
    """Compare where shoulders, elbows and wrists are, in shoulder widths of the source.

    A gesture that differs from the first frame on may have the same *movement*, so the place
    counts as well. Frame sizes may differ; the picture's layout is taken to be the same.
    """
    ratio = np.array(source.size[::-1]) / np.array(edited.size[::-1])
    mine, theirs = _places(source), _places(edited) * ratio
    across = np.linalg.norm(mine[:, 0] - mine[:, 1], axis=1)
    median = np.nanmedian(across) if not np.isnan(across).all() else np.nan
    # between the shoulders, or what the eyes suggest if that is more
    width = float(np.fmax(median, thresholds.SHOULDERS_PER_EYES * fit_head(source.face).unit))
    scores = {}
    for row, (name, joint) in enumerate(JOINTS.items()):
        # shares of frames in which one clip certainly shows a joint that the other hides; frames
        # without a body count for neither: a face that is lost is looked at elsewhere
        seen = source.pose[:, joint, 3], edited.pose[:, joint, 3]
        there = [visible >= thresholds.BODY_THERE for visible in seen]
        gone = [visible <= thresholds.BODY_GONE for visible in seen]
        alone = float((there[0] & gone[1]).mean()), float((there[1] & gone[0]).mean())
        scores[name] = compare(mine[:, row] / width, theirs[:, row] / width, alone)
    return scores


def _places(track: Track) -> Float[np.ndarray, "frames 6 2"]:
    """Return the joints in pixels, NaN below the visibility that counts as seen."""
    seen = track.pose[:, list(JOINTS.values())]
    return np.where(seen[..., 3:] >= thresholds.BODY_VISIBLE, seen[..., :2], np.nan)


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
