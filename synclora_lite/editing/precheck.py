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
from synclora_lite.landmarks import place_of, track
from synclora_lite.sync.head import RIGID, Head, fit_head
from synclora_lite.video import Clip
from synclora_lite.video.geometry import resize_picture

Image = UInt8[np.ndarray, "_ _ 3"]
Who = tuple[float, float] | None  # place of a face, in parts of the picture

SAME_ASPECT = 0.02  # share by which two aspects may differ and count as equal
SMALLEST_FACE = 12  # pixels between the outer corners of the eyes
# measure: (a warning from here, an error from here). Real and rendered edits that fit stay below
# 0.12, 0.06, 0.11, 0.10 and 0.06.
LIMITS = {
    "shift": (0.20, 0.30),
    "scale": (0.10, 0.15),
    "roll": (0.12, 0.25),
    "yaw": (0.20, 0.35),
    "pitch": (0.20, 0.35),
}
ALIGNED = ("shift", "scale", "roll")  # what moving the picture can mend
# Correlations of fine grey levels: an edit that fits keeps 0.36 or more, and more than any turned
# or mirrored version of it by 0.12.
LIKE, LIKER = 0.30, 0.10
# A picture of somebody else: less alike than `STRANGE`, a face of another shape (eye distances),
# and other grey levels nearly everywhere. Edits that fit are beyond one of these at most by far.
STRANGE, OTHER_SHAPE, OTHER_LEVELS = 0.45, 0.026, 35.0
_TURNS = {"turned by 90 degrees": 1, "upside down": 2, "turned by 270 degrees": 3}
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
        """Name the measures that reach level 0 (warning) or 1 (error)."""
        found = asdict(self)
        return [name for name, limits in LIMITS.items() if found[name] >= limits[level]]

    def words(self, names: list[str]) -> str:
        """Say how far some of the measures are off."""
        found = asdict(self)
        return "; ".join(_WORDS[name].format(found[name]) for name in names)


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


def compare_framing(source_frame: Image, first_frame: Image, who: Who = None) -> Framing:
    """Measure how differently the person stands in two pictures of one size.

    Args:
        source_frame: Frame 0 of the source.
        first_frame: The same, edited.
        who: Of several people, see `synclora_lite.landmarks.track`.

    Raises:
        EditError: One of them shows no face, or a tiny one.

    """
    source = head_in(source_frame, "source", who)
    edited = head_in(first_frame, "edited first frame", who)
    distance = np.linalg.norm((source.centre - edited.centre)[0, :2]) / source.scale[0]
    return Framing(
        shift=float(distance),
        scale=abs(math.log(edited.scale[0] / source.scale[0])),
        roll=float(abs(source.roll - edited.roll)[0]),
        yaw=float(abs(source.yaw - edited.yaw)[0]),
        pitch=float(abs(source.pitch - edited.pitch)[0]),
    )


def check_framing(source: Clip, first_frame: Image) -> tuple[Framing, list[str]]:
    """Compare the framing with frame 0; what is off a little becomes a warning.

    Raises:
        EditError: A face is missing, or the pictures do not belong together.

    """
    frame, who = source.frames[0], _who(source)
    _check_orientation(frame, first_frame)
    framing = compare_framing(frame, first_frame, who)
    errors = framing.over(1)
    if errors:
        movable = set(errors) <= set(ALIGNED) and not _is_another(
            frame, _moved(frame, first_frame, who), who
        )
        advice = "edit frame 0 itself"
        raise EditError(
            f"the edited first frame does not fit frame 0: {framing.words(errors)}",
            "an edit of the source's own first frame, with its framing and pose",
            advice + (", or move it onto frame 0 with --align (align=True)" if movable else ""),
        )
    if _is_another(frame, first_frame, who):
        raise EditError(
            "the edited first frame shows somebody else, or another picture",
            "an edit of the source's own first frame",
            "edit frame 0 itself",
        )
    warnings = framing.over(0)
    if not warnings:
        return framing, []
    mends = set(warnings) <= set(ALIGNED)
    advice = "; --align (align=True) moves it into place" if mends else ""
    return framing, [framing.words(warnings) + advice]


def align(source: Clip, first_frame: Image) -> Image:
    """Move, scale and tilt the edited first frame so that its face lies on that of frame 0.

    Raises:
        EditError: One of the pictures shows no face, or it is mirrored or turned.

    """
    _check_orientation(source.frames[0], first_frame)
    return _moved(source.frames[0], first_frame, _who(source))


def _moved(frame: Image, first_frame: Image, who: Who) -> Image:
    mine = _face(frame, "source", who)[0, RIGID, :2]
    theirs = _face(first_frame, "edited first frame", who)[0, RIGID, :2]
    moved, _ = cv2.estimateAffinePartial2D(theirs, mine, method=cv2.LMEDS)
    if moved is None:
        raise EditError("no movement brings the edited face onto the source's", "two similar faces")
    size = (frame.shape[1], frame.shape[0])
    return cv2.warpAffine(
        first_frame, moved, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )


def _who(source: Clip) -> Who:
    """Return where in frame 0 the person is whom the clip is about, or None if there is but one.

    Raises:
        EditError: That person comes later.

    """
    place, first = place_of(source.frames, source.person)
    if place is None and not track(source.frames[:1]).found[0]:
        seen = np.flatnonzero(track(source.frames).found)
        first = int(seen[0]) if len(seen) else 0
    if first:
        raise EditError(
            f"no face in the source's first frame (the first is in frame {first})",
            "a clip that begins with the face",
            f"cut off its first {first} frames, and edit the frame that is then the first",
        )
    return place


def _check_orientation(frame: Image, first_frame: Image) -> None:
    """Raise EditError if the first frame fits better when it is mirrored or turned."""
    versions = {"mirrored": first_frame[:, ::-1]}
    if frame.shape[0] == frame.shape[1]:
        versions |= {name: np.rot90(first_frame, -k) for name, k in _TURNS.items()}
    else:
        versions["upside down"] = first_frame[::-1, ::-1]
    likeness = {name: _likeness(frame, version) for name, version in versions.items()}
    best = max(likeness, key=lambda name: likeness[name])
    if likeness[best] <= max(LIKE, _likeness(frame, first_frame) + LIKER):
        return
    try:  # what is merely elsewhere is no more like its mirror image when it is moved back
        moved = _likeness(frame, _moved(frame, first_frame, None)) if best == "mirrored" else 0.0
    except EditError:
        moved = 0.0
    if likeness[best] > moved + LIKER:
        raise EditError(
            f"the edited first frame is {best}",
            "an edit of frame 0 as it is",
            "mirror it back" if best == "mirrored" else "turn it back",
        )


def _likeness(first: Image, second: Image) -> float:
    """Correlate the fine grey levels of two pictures, -1 to 1."""
    small = [
        cv2.cvtColor(
            cv2.resize(np.ascontiguousarray(p), (64, 64), interpolation=cv2.INTER_AREA),
            cv2.COLOR_RGB2GRAY,
        ).astype(np.float32)
        for p in (first, second)
    ]
    fine = [grey - cv2.GaussianBlur(grey, (0, 0), 6.4) for grey in small]
    fine = [grey - grey.mean() for grey in fine]
    size = math.sqrt(float((fine[0] ** 2).sum() * (fine[1] ** 2).sum()))
    return float((fine[0] * fine[1]).sum()) / size if size > 0 else 0.0


def _is_another(frame: Image, first_frame: Image, who: Who) -> bool:
    """Whether a picture that is framed alike shows somebody else."""
    shapes = [
        head_in(picture, name, who).face[0, :, :2]
        for picture, name in ((frame, "source"), (first_frame, "edited first frame"))
    ]
    shape = math.sqrt(float(((shapes[0] - shapes[1]) ** 2).sum(-1).mean()))
    levels = float(np.abs(frame.astype(np.int16) - first_frame).mean())
    strange = _likeness(frame, first_frame) < STRANGE
    return strange and shape > OTHER_SHAPE and levels > OTHER_LEVELS


def head_in(picture: Image, name: str, who: Who = None) -> Head:
    """Fit the head in one picture; of several people the largest, or the one at a place.

    Raises:
        EditError: There is no face, or a tiny one.

    """
    head = fit_head(_face(picture, name, who))
    if head.scale[0] < SMALLEST_FACE:
        raise EditError(
            f"the face in the {name} is {head.scale[0]:.0f} pixels from eye to eye",
            f"at least {SMALLEST_FACE}",
            "crop the clip closer to the face",
        )
    return head


def _face(picture: Image, name: str, who: Who) -> Float[np.ndarray, "1 478 3"]:
    found = track(picture[None], person=who)
    if not found.found[0]:
        raise EditError(
            f"no face in the {name}",
            "a person whose face can be seen",
            "choose a clip, or an edit, in which the face is visible",
        )
    return found.face
