"""Where hair, skin, lips, clothes and background are: landmarks, a segmentation, and colours.

MediaPipe's selfie segmentation says roughly where the person is; GrabCut (Rother et al. 2004) makes
the edge exact. Hair, skin and clothes are told apart by place and colour, again with GrabCut.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from synclora_lite.editing.precheck import head_in
from synclora_lite.errors import EditError
from synclora_lite.landmarks import track

Image = UInt8[np.ndarray, "height width 3"]
Mask = Bool[np.ndarray, "height width"]
Soft = Float[np.ndarray, "height width"]

REGIONS = ("hair", "skin", "lips", "clothes", "background", "person")

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
LIPS_OUTER = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
)  # fmt: skip
LIPS_INNER = (
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191,
)  # fmt: skip
EYES = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
)
BROWS = (
    (70, 63, 105, 66, 107, 55, 65, 52, 53, 46),
    (300, 293, 334, 296, 336, 285, 295, 282, 283, 276),
)
WORKING = 256  # pixels of the short side at which regions are found


@dataclass(frozen=True, eq=False)
class Person:
    """A picture at working size with what landmarks say about it.

    Attributes:
        picture: The picture, scaled.
        face: Landmarks in its pixels: x, y.
        unit: Distance of the outer corners of the eyes.
        mask: Where the person is.

    """

    picture: Image
    face: Float[np.ndarray, "478 2"]
    unit: float
    mask: Mask


def find_region(picture: UInt8[np.ndarray, "height width 3"], region: str) -> Soft:
    """Return how much each pixel belongs to a region, 0 to 1.

    Args:
        picture: RGB, one person.
        region: One of REGIONS.

    Raises:
        EditError: The region has another name, or there is no face.

    """
    if region not in REGIONS:
        raise EditError(f"no region named {region!r}", f"one of {', '.join(REGIONS)}")
    person = look_at(picture)
    mask = _FINDERS[region](person).astype(np.float32)
    height, width = picture.shape[:2]
    large = cv2.resize(mask, (width, height), interpolation=cv2.INTER_CUBIC)
    blur = 0.5 * max(1.0, min(height, width) / WORKING)
    return np.clip(cv2.GaussianBlur(large, (0, 0), blur), 0, 1)


def look_at(picture: Image) -> Person:
    """Find landmarks and outline of the person.

    Raises:
        EditError: There is no face, or a tiny one.

    """
    head = head_in(picture, "picture")
    scale = WORKING / min(picture.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=method)
    face = (track(picture[None]).face[0, :, :2] * scale).astype(np.float32)
    unit = float(head.scale[0] * scale)
    return Person(small, face, unit, _person(small, face, unit))


def _person(picture: Image, face: np.ndarray, unit: float) -> Mask:
    """Separate the person from the background."""
    from synclora_lite.landmarks.tasks import person as find_person

    likely = find_person(picture)
    guess = np.where(likely > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    reach = round(0.5 * unit) | 1
    near = cv2.dilate((likely > 0.3).astype(np.uint8), np.ones((reach, reach)))
    guess[near == 0] = cv2.GC_BGD
    guess[cv2.erode((likely > 0.8).astype(np.uint8), np.ones((reach, reach))) > 0] = cv2.GC_FGD
    guess[_polygon(picture, face[list(OVAL)])] = cv2.GC_FGD
    return _largest(_grab_cut(picture, guess))


def _hair(person: Person) -> Mask:
    """What of the person is around the face and looks like what is right above it."""
    face, unit = person.face, person.unit
    oval = _polygon(person.picture, face[list(OVAL)])
    rows = np.arange(len(oval))[:, None]
    grown = cv2.dilate(oval.astype(np.uint8), _disc(0.14 * unit)) > 0
    crown = cv2.dilate(oval.astype(np.uint8), _disc(0.45 * unit)) > 0
    above = rows < face[list(OVAL), 1].min() + 0.25 * unit
    guess = np.full(oval.shape, cv2.GC_PR_BGD, np.uint8)
    guess[person.mask & ~grown & (rows < face[152, 1])] = cv2.GC_PR_FGD
    guess[person.mask & crown & ~grown & above] = cv2.GC_FGD
    guess[~person.mask | (rows > face[152, 1] + 1.6 * unit)] = cv2.GC_BGD
    guess[cv2.erode(oval.astype(np.uint8), _disc(0.2 * unit)) > 0] = cv2.GC_BGD
    return _hanging(_grab_cut(person.picture, guess), round(float(face[152, 1])))


def _hanging(hair: Mask, chin: int) -> Mask:
    """Below the chin keep only what hangs there: a dark jacket is no hair."""
    chin = int(np.clip(chin, 1, len(hair) - 1))
    below = np.logical_and.accumulate(hair[chin - 1 :], axis=0)[1:]
    return np.concatenate([hair[:chin], below])


def _skin(person: Person) -> Mask:
    """The face without eyes, brows and lips, and what has its colour below it."""
    face, unit = person.face, person.unit
    oval = _polygon(person.picture, face[list(OVAL)])
    lab = cv2.cvtColor(person.picture, cv2.COLOR_RGB2LAB).astype(np.float32)
    inner = cv2.erode(oval.astype(np.uint8), _disc(0.15 * unit)) > 0
    features = _features(person)
    typical = np.median(lab[inner & ~features], axis=0)
    alike = np.hypot(*((lab - typical)[..., 1:]).transpose(2, 0, 1)) < 14
    alike &= np.abs(lab[..., 0] - typical[0]) < 70
    rows = np.arange(len(oval))[:, None]
    near = cv2.dilate(oval.astype(np.uint8), _disc(0.35 * unit)) > 0
    neck = person.mask & alike & (rows > face[2, 1]) & (rows < face[152, 1] + 2.5 * unit)
    edge = person.mask & alike & near & ~_hair(person)
    return ((inner & ~features) | edge | neck | (oval & alike)) & person.mask


def _features(person: Person) -> Mask:
    """Eyes, brows and mouth."""
    rings = (*EYES, *BROWS, LIPS_OUTER)
    drawn = [_polygon(person.picture, person.face[list(ring)]) for ring in rings]
    grown = np.any(drawn, axis=0).astype(np.uint8)
    return cv2.dilate(grown, _disc(0.035 * person.unit)) > 0


def _lips(person: Person) -> Mask:
    outer = _polygon(person.picture, person.face[list(LIPS_OUTER)])
    return outer & ~_polygon(person.picture, person.face[list(LIPS_INNER)])


def _clothes(person: Person) -> Mask:
    """What of the person is below the chin and neither skin nor hair."""
    rows = np.arange(len(person.mask))[:, None]
    below = person.mask & (rows > person.face[152, 1] + 0.1 * person.unit)
    rest = below & ~_skin(person) & ~_hair(person)
    return cv2.morphologyEx(rest.astype(np.uint8), cv2.MORPH_OPEN, _disc(0.06 * person.unit)) > 0


_FINDERS = {
    "hair": _hair,
    "skin": _skin,
    "lips": _lips,
    "clothes": _clothes,
    "background": lambda person: ~person.mask,
    "person": lambda person: person.mask,
}


def _grab_cut(picture: Image, guess: UInt8[np.ndarray, "height width"]) -> Mask:
    """Refine a guess; one that knows a single side only is returned as it is."""
    sides = {cv2.GC_FGD: 1, cv2.GC_PR_FGD: 1, cv2.GC_BGD: 0, cv2.GC_PR_BGD: 0}
    if len({sides[int(value)] for value in np.unique(guess)}) == 2:
        cv2.setRNGSeed(0)
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(picture, guess, None, *models, 4, cv2.GC_INIT_WITH_MASK)
    return (guess == cv2.GC_FGD) | (guess == cv2.GC_PR_FGD)


def _largest(mask: Mask) -> Mask:
    """Keep the largest connected piece."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return labels == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])


def _polygon(picture: Image, corners: np.ndarray) -> Mask:
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 1)
    return mask > 0


def _disc(radius: float) -> UInt8[np.ndarray, "side side"]:
    size = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
