"""Where the head is and how it is turned: a rigid fit of a mean face to the landmarks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

# A mean face measured for this project: Face Mesh on frontal frames of seven people, aligned,
# averaged and made symmetric. Unit: the distance of the outer eye corners; origin: between them;
# x to the image's right, y down, z away from the camera. Only points that no
# expression moves, and none of the forehead: hair and hats move those.
_ROWS = np.loadtxt(Path(__file__).with_name("mean_face.csv"), delimiter=",")
RIGID, MEAN_FACE = _ROWS[:, 0].astype(int), _ROWS[:, 1:]


@dataclass(frozen=True)
class Head:
    """The rigid movement of a head; NaN in frames without a face."""

    rotation: Float[np.ndarray, "frames 3 3"]  # turns the mean face to the head seen
    scale: Float[np.ndarray, " frames"]  # pixels between the outer eye corners, facing the camera
    centre: Float[np.ndarray, "frames 3"]  # pixels, the point between the eyes (x, y, z)
    # the landmarks in the face's own coordinates, whichever way it looks, in distances of the eye
    # corners
    face: Float[np.ndarray, "frames 478 3"]
    yaw: Float[np.ndarray, " frames"]  # radians; positive when it turns to the image's right
    pitch: Float[np.ndarray, " frames"]  # positive when it looks down
    roll: Float[np.ndarray, " frames"]  # positive when it tilts clockwise in the image

    @property
    def unit(self) -> float:
        """Pixels between the outer eye corners in this clip: the median, NaN without a face."""
        return float(np.nanmedian(self.scale)) if not np.isnan(self.scale).all() else float("nan")


def fit_head(face: Float[np.ndarray, "frames 478 3"]) -> Head:
    """Fit the mean face to every frame (similarity transform, least squares; Umeyama 1991)."""
    points = face[:, RIGID].astype(np.float64)
    present = ~np.isnan(points).any(axis=(1, 2))
    points[~present] = MEAN_FACE
    # R, s, t that minimise |points - (s R mean_face + t)| in each frame
    mean = MEAN_FACE.mean(0)
    model, seen = MEAN_FACE - mean, points - points.mean(1, keepdims=True)
    left, singular, right = np.linalg.svd(np.einsum("fpc,pd->fcd", seen, model))
    singular[:, 2] *= np.linalg.det(left @ right)
    left[:, :, 2] *= np.linalg.det(left @ right)[:, None]
    rotation = left @ right
    scale = singular.sum(1) / (model**2).sum()
    centre = points.mean(1) - scale[:, None] * np.einsum("fcd,d->fc", rotation, mean)
    rotation[~present], scale[~present], centre[~present] = np.nan, np.nan, np.nan
    own = (face - centre[:, None]) @ rotation / scale[:, None, None]
    yaw = -np.arctan2(rotation[:, 0, 2], rotation[:, 2, 2])
    pitch = -np.arcsin(np.clip(rotation[:, 1, 2], -1, 1))
    roll = np.arctan2(rotation[:, 1, 0], rotation[:, 1, 1])
    return Head(rotation, scale, centre, own, yaw, pitch, roll)
