"""Measure the two photographs behind the puppets: landmarks, and the cut-out of the person.

python -m recipes.puppets
"""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from synclora_course.puppets.photos import FRAMES, WINDOW, corner, enlarge, read_photo
from synclora_lite.files import atomic_path, data_dir
from synclora_lite.landmarks import track
from synclora_lite.landmarks.tasks import person

# outlines drawn by hand where colours do not tell hair and hat from flag and sky, in frame pixels
PERSON = {
    "grace_hopper": (
        ((366, 228), (381, 240), (387, 262), (382, 300), (377, 345), (368, 372), (346, 366),
         (356, 300)),
        ((124, 235), (120, 262), (130, 300), (127, 345), (140, 366), (160, 372), (150, 300)),
    ),
    "eileen_collins": (),
}  # fmt: skip
NOT_PERSON = {
    "grace_hopper": (
        ((60, 60), (112, 118), (115, 180), (122, 205), (115, 225), (112, 300), (118, 350),
         (60, 350)),
        ((120, 95), (140, 78), (165, 45), (120, 40)),
    ),
    "eileen_collins": (),
}  # fmt: skip


def measure(name: str) -> Path:
    """Find landmarks and cut-out of a photo and store them under data/puppets."""
    photo = enlarge(read_photo(name), name)
    path = data_dir() / "puppets" / f"{name}.npz"
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, face=_landmarks(photo, name), person=_person(photo, name))
    return path


def _landmarks(photo: np.ndarray, name: str) -> Float[np.ndarray, "478 3"]:
    """Run MediaPipe on the frame, enlarged twice more."""
    left, top = corner(name)
    frame = cv2.resize(photo[top : top + WINDOW, left : left + WINDOW], None, fx=2, fy=2)
    points = track(frame[None]).face[0] / 2
    return (points + np.array([left, top, 0])).round(2).astype(np.float32)


def _person(photo: np.ndarray, name: str) -> UInt8[np.ndarray, "height width"]:
    """Cut the person out: a coarse segmentation, made exact by GrabCut, softened by two pixels."""
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
