"""Is this edited first frame an edit of frame 0? Framing, scale and pose must agree.

An edited first frame that moves or scales the person is a known failure of the method
(arXiv 2512.03013, limitations): the source's motion then belongs to a face that is elsewhere.
"""

import math
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from synclora_lite.errors import EditError
from synclora_lite.landmarks import track
from synclora_lite.sync.head import RIGID, Head, fit_head
from synclora_lite.video.geometry import resize_picture

Image = UInt8[np.ndarray, "_ _ 3"]

SAME_ASPECT = 0.02  # share by which two aspects may differ and count as equal
SMALLEST_FACE = 12  # pixels between the outer corners of the eyes
# measure: (a warning from here, an error from here)
LIMITS = {
    "shift": (0.20, 1.20),
    "scale": (0.10, 0.45),
    "roll": (0.10, 0.50),
    "yaw": (0.20, 0.60),
    "pitch": (0.20, 0.60),
}
_WORDS = {
    "shift": "the face is {:.2f} eye distances away from where it is in the source",
    "scale": "the face is {:.0%} larger or smaller than in the source",
    "roll": "the head is tilted by {:.2f} rad against the source",
    "yaw": "the head is turned by {:.2f} rad against the source",
    "pitch": "the head nods by {:.2f} rad against the source",
}


@dataclass(frozen=True)
class Framing:
    """How far the person in the edited first frame is from the person in frame 0.

    Attributes:
        shift: Distance of the points between the eyes, in eye distances.
        scale: Natural logarithm of the ratio of sizes, without sign.
        roll: Difference of the tilt in radians, without sign; as are yaw and pitch.
        yaw: See roll.
        pitch: See roll.

    """

    shift: float
    scale: float
    roll: float
    yaw: float
    pitch: float

    def over(self, level: int) -> list[str]:
        """Say which measures reach level 0 (warning) or 1 (error)."""
        found = asdict(self)
        return [
            _WORDS[name].format(found[name])
            for name, limits in LIMITS.items()
            if found[name] >= limits[level]
        ]


def as_picture(first_frame: np.ndarray) -> Image:
    """Return the first frame if it is an 8-bit RGB picture.

    Raises:
        EditError: It is grey, has an alpha channel, is not 8 bit or is no picture.

    """
    frame = np.asarray(first_frame)
    expected = "a uint8 array of shape (height, width, 3), red first"
    if frame.ndim == 2 or (frame.ndim == 3 and frame.shape[2] == 1):
        advice = "repeat the grey channel three times"
        raise EditError("an edited first frame without colour", expected, advice)
    if frame.ndim != 3 or frame.shape[2] != 3:
        advice = "drop the alpha channel" if frame.ndim == 3 and frame.shape[2] == 4 else ""
        raise EditError(f"an edited first frame of shape {frame.shape}", expected, advice)
    if frame.dtype != np.uint8:
        advice = "convert it to 8 bit (0 to 255)"
        raise EditError(f"an edited first frame of type {frame.dtype}", expected, advice)
    return np.ascontiguousarray(frame)


def to_size(first_frame: Image, size: tuple[int, int]) -> tuple[Image, list[str]]:
    """Bring the first frame to the size of the source, if its aspect is the same.

    Returns:
        The picture, and a warning if it had to be scaled.

    Raises:
        EditError: The aspects differ.

    """
    height, width = first_frame.shape[:2]
    if (height, width) == size:
        return first_frame, []
    if abs(math.log((width / height) / (size[1] / size[0]))) > SAME_ASPECT:
        raise EditError(
            f"an edited first frame of {width}x{height} for a source of {size[1]}x{size[0]}",
            "the same aspect",
            "crop or pad the picture to the framing of the source's first frame",
        )
    note = f"the edited first frame was scaled from {width}x{height} to {size[1]}x{size[0]}"
    return resize_picture(first_frame, *size), [note]


def compare_framing(source_frame: Image, first_frame: Image) -> Framing:
    """Measure how differently the person stands in two pictures of one size.

    Raises:
        EditError: One of them shows no face, or a tiny one.

    """
    source, edited = head_in(source_frame, "source"), head_in(first_frame, "edited first frame")
    distance = np.linalg.norm((source.centre - edited.centre)[0, :2]) / source.scale[0]
    return Framing(
        shift=float(distance),
        scale=abs(math.log(edited.scale[0] / source.scale[0])),
        roll=float(abs(source.roll - edited.roll)[0]),
        yaw=float(abs(source.yaw - edited.yaw)[0]),
        pitch=float(abs(source.pitch - edited.pitch)[0]),
    )


def check_framing(source_frame: Image, first_frame: Image) -> tuple[Framing, list[str]]:
    """Compare the framing; what is off a little becomes a warning.

    Raises:
        EditError: A face is missing, or the pictures disagree beyond repair.

    """
    framing = compare_framing(source_frame, first_frame)
    errors = framing.over(1)
    if errors:
        raise EditError(
            f"the edited first frame does not fit frame 0: {'; '.join(errors)}",
            "an edit of the source's own first frame, with its framing and pose",
            "edit frame 0 itself, or move the picture onto it with --align (align=True)",
        )
    warnings = framing.over(0)
    if warnings:
        warnings[-1] += "; --align (align=True) moves it into place"
    return framing, warnings


def align(source_frame: Image, first_frame: Image) -> Image:
    """Move, scale and tilt the edited first frame so that its face lies on the source's.

    Raises:
        EditError: One of the pictures shows no face.

    """
    source, edited = (
        _face_points(source_frame, "source"),
        _face_points(first_frame, "edited first frame"),
    )
    moved, _ = cv2.estimateAffinePartial2D(edited, source, method=cv2.LMEDS)
    if moved is None:
        raise EditError("no movement brings the edited face onto the source's", "two similar faces")
    size = (source_frame.shape[1], source_frame.shape[0])
    return cv2.warpAffine(
        first_frame, moved, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )


def head_in(picture: Image, name: str) -> Head:
    """Fit the head in one picture.

    Raises:
        EditError: There is no face, or a tiny one.

    """
    head = fit_head(_face(picture, name))
    if head.scale[0] < SMALLEST_FACE:
        raise EditError(
            f"the face in the {name} is {head.scale[0]:.0f} pixels from eye to eye",
            f"at least {SMALLEST_FACE}",
            "crop the clip closer to the face",
        )
    return head


def _face(picture: Image, name: str) -> Float[np.ndarray, "1 478 3"]:
    found = track(picture[None])
    if not found.found[0]:
        raise EditError(
            f"no face in the {name}",
            "a person whose face can be seen",
            "choose a clip, or an edit, in which the face is visible",
        )
    return found.face


def _face_points(picture: Image, name: str) -> Float[np.ndarray, "points 2"]:
    return _face(picture, name)[0, RIGID, :2]
