"""Where the head is and how it is turned: a rigid fit of a mean face to the landmarks.

The fit also takes the head's own movement out, so that a mouth or an eye is measured in the
face's own coordinates whichever way it looks.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

# A mean face measured for this project: Face Mesh on frontal frames of seven people, aligned,
# averaged and made symmetric. Unit: the distance of the outer eye corners; origin: between them;
# x to the image's right, y down, z away from the camera. Only points that no
# expression moves, and none of the forehead: hair and hats move those.
# (right landmark, left landmark, x of the left one, y, z)
PAIRS = (
    (33, 263, 0.500, -0.000, 0.000), (133, 362, 0.193, 0.016, -0.058),
    (127, 356, 0.779, -0.009, 0.549), (234, 454, 0.771, 0.143, 0.615),
    (227, 447, 0.766, 0.164, 0.366), (116, 345, 0.703, 0.167, 0.158),
    (123, 352, 0.697, 0.313, 0.156), (50, 280, 0.545, 0.354, -0.027),
    (101, 330, 0.385, 0.280, -0.091), (129, 358, 0.239, 0.408, -0.131),
    (49, 279, 0.220, 0.387, -0.241), (48, 278, 0.216, 0.427, -0.258),
    (115, 344, 0.173, 0.412, -0.327), (188, 412, 0.107, 0.115, -0.213),
    (193, 417, 0.084, -0.024, -0.201), (122, 351, 0.064, 0.078, -0.258),
    (98, 327, 0.197, 0.486, -0.164), (36, 266, 0.342, 0.373, -0.114),
    (205, 425, 0.449, 0.453, -0.073), (118, 347, 0.501, 0.204, -0.039),
    (114, 343, 0.154, 0.161, -0.174),
)  # fmt: skip
# (landmark, y, z), all with x = 0
MIDLINE = (
    (9, -0.205, -0.284), (8, -0.112, -0.261), (168, -0.027, -0.248), (6, 0.064, -0.287),
    (197, 0.147, -0.334), (195, 0.225, -0.387), (5, 0.309, -0.441), (4, 0.405, -0.458),
    (1, 0.474, -0.428), (19, 0.508, -0.389), (94, 0.514, -0.301), (2, 0.524, -0.251),
)  # fmt: skip
_ROWS = (
    *((right, -x, y, z) for right, _, x, y, z in PAIRS),
    *((left, x, y, z) for _, left, x, y, z in PAIRS),
    *((middle, 0.0, y, z) for middle, y, z in MIDLINE),
)
RIGID, MEAN_FACE = np.array([row[0] for row in _ROWS]), np.array([row[1:] for row in _ROWS])


@dataclass(frozen=True)
class Head:
    """The rigid movement of a head; NaN in frames without a face."""

    rotation: Float[np.ndarray, "frames 3 3"]  # turns the mean face to the head seen
    scale: Float[np.ndarray, " frames"]  # pixels between the outer eye corners, facing the camera
    centre: Float[np.ndarray, "frames 3"]  # pixels, the point between the eyes (x, y, z)
    # the landmarks in the face's own coordinates, in distances of the eye corners
    face: Float[np.ndarray, "frames 478 3"]

    @property
    def yaw(self) -> Float[np.ndarray, " frames"]:
        """Radians; positive when the head turns to the image's right."""
        return -np.arctan2(self.rotation[:, 0, 2], self.rotation[:, 2, 2])

    @property
    def pitch(self) -> Float[np.ndarray, " frames"]:
        """Radians; positive when the head looks down."""
        return -np.arcsin(np.clip(self.rotation[:, 1, 2], -1, 1))

    @property
    def roll(self) -> Float[np.ndarray, " frames"]:
        """Radians; positive when the head tilts clockwise in the image."""
        return np.arctan2(self.rotation[:, 1, 0], self.rotation[:, 1, 1])


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
    return Head(rotation, scale, centre, own)
