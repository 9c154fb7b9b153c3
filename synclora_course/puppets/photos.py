"""The two photographs behind the puppets, with what was measured on them once.

NASA and US Navy pictures in the public domain that matplotlib (Grace Hopper) and scikit-image
(Eileen Collins) ship. Landmarks and cut-out were measured by MediaPipe and GrabCut and lie under
data/puppets; to measure again: ``python -m recipes.puppets``.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from synclora_lite.errors import ArtifactError
from synclora_lite.files import data_dir

WINDOW = 512  # side of the square that a puppet is framed in, in pixels of the enlarged photo


@dataclass(frozen=True)
class Photo:
    """A photo scaled so that its frame is `WINDOW` pixels wide; everything in its pixels.

    Attributes:
        pixels: The whole photo, RGB.
        person: How much of each pixel is the person, 0 to 255.
        face: MediaPipe face landmarks: x, y, and z away from the camera.
        corner: Top left corner (x, y) of the frame.

    """

    pixels: UInt8[np.ndarray, "height width 3"]
    person: UInt8[np.ndarray, "height width"]
    face: Float[np.ndarray, "478 3"]
    corner: tuple[int, int]


# left, top and side of the frame, in pixels of the original photo
FRAMES = {"grace_hopper": (62, 0, 408), "eileen_collins": (104, 0, 248)}


def load_photo(name: str) -> Photo:
    """Read a photo and what was measured on it.

    Raises:
        ArtifactError: No photo has this name, or its measurements are missing.

    """
    path = data_dir() / "puppets" / f"{name}.npz"
    if name not in FRAMES or not path.is_file():
        raise ArtifactError(f"no photo puppet named {name!r}", f"one of {', '.join(FRAMES)}")
    pixels = enlarge(read_photo(name), name)
    with np.load(path) as stored:
        return Photo(pixels, stored["person"], stored["face"], corner(name))


def read_photo(name: str) -> UInt8[np.ndarray, "height width 3"]:
    """Read the photo from the package that ships it, RGB."""
    if name == "eileen_collins":
        from skimage.data import astronaut

        return astronaut()
    from matplotlib.cbook import get_sample_data

    path = get_sample_data("grace_hopper.jpg", asfileobj=False)
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def corner(name: str) -> tuple[int, int]:
    """Top left corner of the frame in the enlarged photo."""
    left, top, side = FRAMES[name]
    return round(left * (WINDOW / side)), round(top * (WINDOW / side))


def enlarge(photo: UInt8[np.ndarray, "h w 3"], name: str) -> UInt8[np.ndarray, "height width 3"]:
    """Scale a photo up (Lanczos) and sharpen it a little."""
    factor = WINDOW / FRAMES[name][2]
    large = cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_LANCZOS4)
    return cv2.addWeighted(large, 1.35, cv2.GaussianBlur(large, (0, 0), 1.5), -0.35, 0)
