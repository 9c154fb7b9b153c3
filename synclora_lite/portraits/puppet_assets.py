"""The two photographs behind the puppets, with what was measured on them once.

Both are NASA and US Navy pictures in the public domain that other packages ship: Grace Hopper
with matplotlib, Eileen Collins with scikit-image. Landmarks and the cut-out of the person are
measured by MediaPipe and GrabCut and kept under data/puppets, so that drawing a puppet needs
neither. To measure again: ``python -m synclora_lite.portraits.puppet_assets``.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from synclora_lite.errors import ArtifactError
from synclora_lite.files import atomic_path, data_dir

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
# outlines drawn by hand where colours do not tell hair and hat from flag and sky, in frame pixels
PERSON = {
    "grace_hopper": (
        (
            (366, 228),
            (381, 240),
            (387, 262),
            (382, 300),
            (377, 345),
            (368, 372),
            (346, 366),
            (356, 300),
        ),
        ((124, 235), (120, 262), (130, 300), (127, 345), (140, 366), (160, 372), (150, 300)),
    ),
    "eileen_collins": (),
}
NOT_PERSON = {
    "grace_hopper": (
        (
            (60, 60),
            (112, 118),
            (115, 180),
            (122, 205),
            (115, 225),
            (112, 300),
            (118, 350),
            (60, 350),
        ),
        ((120, 95), (140, 78), (165, 45), (120, 40)),
    ),
    "eileen_collins": (),
}


@lru_cache
def load_photo(name: str) -> Photo:
    """Read a photo and what was measured on it.

    Raises:
        ArtifactError: No photo has this name, or its measurements are missing.

    """
    path = data_dir() / "puppets" / f"{name}.npz"
    if name not in FRAMES or not path.is_file():
        raise ArtifactError(f"no photo puppet named {name!r}", f"one of {', '.join(FRAMES)}")
    with np.load(path) as stored:
        return Photo(
            enlarge(read_photo(name), name), stored["person"], stored["face"], corner(name)
        )


def read_photo(name: str) -> UInt8[np.ndarray, "height width 3"]:
    """Read the photo from the package that ships it, RGB."""
    if name == "eileen_collins":
        from skimage.data import astronaut

        return astronaut()
    from matplotlib.cbook import get_sample_data

    return cv2.cvtColor(
        cv2.imread(str(get_sample_data("grace_hopper.jpg", asfileobj=False))), cv2.COLOR_BGR2RGB
    )


def scale(name: str) -> float:
    """Enlargement that makes the frame `WINDOW` pixels wide."""
    return WINDOW / FRAMES[name][2]


def corner(name: str) -> tuple[int, int]:
    """Top left corner of the frame in the enlarged photo."""
    left, top, _ = FRAMES[name]
    return round(left * scale(name)), round(top * scale(name))


def enlarge(photo: UInt8[np.ndarray, "h w 3"], name: str) -> UInt8[np.ndarray, "height width 3"]:
    """Scale a photo up (Lanczos) and sharpen it a little."""
    factor = scale(name)
    large = cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_LANCZOS4)
    return cv2.addWeighted(large, 1.35, cv2.GaussianBlur(large, (0, 0), 1.5), -0.35, 0)


def measure(name: str) -> Path:
    """Find landmarks and cut-out of a photo and store them under data/puppets."""
    photo = enlarge(read_photo(name), name)
    path = data_dir() / "puppets" / f"{name}.npz"
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, face=_landmarks(photo, name), person=_person(photo, name))
    return path


def _landmarks(photo: np.ndarray, name: str) -> Float[np.ndarray, "478 3"]:
    """Run MediaPipe on the frame, enlarged twice more."""
    from synclora_lite.landmarks import track

    left, top = corner(name)
    frame = cv2.resize(photo[top : top + WINDOW, left : left + WINDOW], None, fx=2, fy=2)
    points = track(frame[None]).face[0] / 2
    return (points + np.array([left, top, 0])).round(2).astype(np.float32)


def _person(photo: np.ndarray, name: str) -> UInt8[np.ndarray, "height width"]:
    """Cut the person out: a coarse segmentation, made exact by GrabCut, softened by two pixels."""
    from synclora_lite.landmarks.tasks import person

    coarse = cv2.resize(person(photo), photo.shape[1::-1])
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (25, 25))
    guess = np.where(coarse > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    guess[cv2.erode((coarse > 0.8).astype(np.uint8), near) > 0] = cv2.GC_FGD
    guess[cv2.dilate((coarse > 0.2).astype(np.uint8), near) == 0] = cv2.GC_BGD
    for value, outlines in ((cv2.GC_FGD, PERSON[name]), (cv2.GC_BGD, NOT_PERSON[name])):
        for outline in outlines:
            cv2.fillPoly(guess, [np.array(outline) + corner(name)], value)
    cv2.setRNGSeed(0)
    cv2.grabCut(photo, guess, None, np.zeros((1, 65)), np.zeros((1, 65)), 6, cv2.GC_INIT_WITH_MASK)
    whole = np.isin(guess, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8) * 255
    whole = cv2.morphologyEx(whole, cv2.MORPH_CLOSE, near)
    return cv2.GaussianBlur(cv2.erode(whole, np.ones((3, 3))), (0, 0), 1.2)


if __name__ == "__main__":
    for photo_name in FRAMES:
        measure(photo_name)
