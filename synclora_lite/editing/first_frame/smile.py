"""A smile by warping: the corners of the mouth go out and up, cheeks and lower lids follow."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from synclora_lite.editing.precheck import head_in

Image = UInt8[np.ndarray, "height width 3"]

# landmark: (outwards, down) in distances of the outer eye corners, reach in the same unit
_PULLS = {
    61: (0.11, -0.12, 0.16),
    291: (0.11, -0.12, 0.16),
    0: (0.0, 0.012, 0.10),
    17: (0.0, 0.020, 0.12),
    50: (0.01, -0.030, 0.20),
    280: (0.01, -0.030, 0.20),
    145: (0.0, -0.012, 0.10),
    374: (0.0, -0.012, 0.10),
}


def add_smile(picture: Image, amount: float = 1.0) -> Image:
    """Make the person smile, or frown with a negative amount.

    Args:
        picture: RGB, one person, rendered or photographed.
        amount: 1 is a friendly smile, 2 a grin.

    Raises:
        EditError: No face.

    """
    head = head_in(picture, "picture")
    axes = head.rotation[0][:2, :2].T  # the head's x and y axes in the picture
    unit = float(head.scale[0])
    height, width = picture.shape[:2]
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)
    shift = np.zeros_like(grid)
    for index, (outwards, down, reach) in _PULLS.items():
        place = head.face[0, index]
        here = (place[:2] @ axes + place[2] * head.rotation[0][:2, 2]) * unit + head.centre[0, :2]
        pull = np.array([outwards * np.sign(place[0]), down]) @ axes * unit * amount
        shift += _bump(grid, here, reach * unit)[..., None] * pull
    where = _invert(grid, shift.astype(np.float32))
    return cv2.remap(picture, where, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _bump(
    grid: Float[np.ndarray, "height width 2"], centre: np.ndarray, reach: float
) -> Float[np.ndarray, "height width"]:
    """A Gaussian of the distance to a point."""
    return np.exp(-((grid - centre) ** 2).sum(-1) / (2 * reach**2))


def _invert(
    grid: Float[np.ndarray, "height width 2"], shift: Float[np.ndarray, "height width 2"]
) -> Float[np.ndarray, "height width 2"]:
    """Where each pixel comes from when every pixel moves by `shift`: fixed-point steps."""
    where = grid - shift
    for _ in range(3):
        where = grid - cv2.remap(shift, where, None, cv2.INTER_LINEAR)
    return where.astype(np.float32)
