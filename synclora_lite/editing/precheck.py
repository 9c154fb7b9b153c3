"""Is this edited first frame an edit of frame 0? Framing, scale and pose must agree.

One that moves or scales the person is a known failure (arXiv 2512.03013, limitations): the source's
motion then belongs to a face that is elsewhere.
"""

import math
from contextlib import suppress
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
# measure: (a warning from here, an error from here, in words). Real and rendered edits that fit
# stay below 0.12, 0.06, 0.11, 0.10 and 0.06.
LIMITS = {
    "shift": (0.20, 0.30, "the face is {:.2f} eye distances away from where it is in the source"),
    "scale": (0.10, 0.15, "the face is {:.0%} larger or smaller than in the source"),
    "roll": (0.12, 0.25, "the head is tilted by {:.2f} rad against the source"),
    "yaw": (0.20, 0.35, "the head is turned by {:.2f} rad against the source"),
    "pitch": (0.20, 0.35, "the head nods by {:.2f} rad against the source"),
}
ALIGNED = {"shift", "scale", "roll"}  # what moving the picture can mend
# Correlations of fine grey levels: an edit that fits keeps 0.36 or more, and more than any turned
# or mirrored version of it by 0.12.
LIKE, LIKER = 0.30, 0.10
# A picture of somebody else: less alike than `STRANGE`, a face of another shape (eye distances),
# and other grey levels nearly everywhere. Edits that fit are beyond one of these at most by far.
STRANGE, OTHER_SHAPE, OTHER_LEVELS = 0.45, 0.026, 35.0


@dataclass(frozen=True)
class Framing:
    """How far the person in the edited first frame is from the person in frame 0, without sign."""

    shift: float  # distance of the points between the eyes, in eye distances
    scale: float  # natural logarithm of the ratio of sizes
    roll: float  # difference of the tilt in radians; as are yaw and pitch
    yaw: float
    pitch: float

    def over(self, level: int) -> dict[str, str]:
        """Return the measures that reach level 0 (warning) or 1 (error), with how far in words."""
        found = asdict(self)
        return {
            name: limits[2].format(found[name])
            for name, limits in LIMITS.items()
            if found[name] >= limits[level]
        }


def as_picture(first_frame: np.ndarray) -> Image:
    """Return the first frame if it is an 8-bit RGB picture; EditError if it is not."""
    what, channels = f"an edited first frame of shape {first_frame.shape}", first_frame.shape[2:]
    expected = "a uint8 array of shape (height, width, 3), red first"
    if channels != (3,):
        grey = "repeat the grey channel three times"
        advice = {(): grey, (1,): grey, (4,): "drop the alpha channel"}.get(channels, "")
        raise EditError(what, expected, advice)
    if first_frame.dtype != np.uint8:
        raise EditError(f"{what}, {first_frame.dtype}", expected, "convert it to 8 bit (0 to 255)")
    return np.ascontiguousarray(first_frame)


def to_size(first_frame: Image, size: tuple[int, int]) -> tuple[Image, list[str]]:
    """Scale the first frame to the source, with a warning; EditError if the aspects differ."""
    height, width = first_frame.shape[:2]
    mine, wanted = f"{width}x{height}", f"{size[1]}x{size[0]}"
    if mine == wanted:
        return first_frame, []
    if abs(math.log((width / height) / (size[1] / size[0]))) > SAME_ASPECT:
        what = f"an edited first frame of {mine} for a source of {wanted}"
        advice = "crop or pad the picture to the framing of the source's first frame"
        raise EditError(what, "the same aspect", advice)
    note = f"the edited first frame was scaled from {mine} to {wanted}"
    return resize_picture(first_frame, *size), [note]


def compare_framing(source_frame: Image, first_frame: Image, who: Who = None) -> Framing:
    """Compare how a person stands in two pictures of one size; EditError without a face."""
    source = head_in(source_frame, "source", who)
    edited = head_in(first_frame, "edited first frame", who)
    distance = np.linalg.norm((source.centre - edited.centre)[0, :2]) / source.scale[0]
    turns = (source.roll - edited.roll, source.yaw - edited.yaw, source.pitch - edited.pitch)
    larger = abs(math.log(edited.scale[0] / source.scale[0]))
    return Framing(float(distance), larger, *(float(abs(turn[0])) for turn in turns))


def check_framing(source: Clip, first_frame: Image) -> tuple[Framing, list[str]]:
    """Compare the framing with frame 0; what is off a little becomes a warning.

    Raises EditError if a face is missing, or the pictures do not belong together.
    """
    frame, who = source.frames[0], _who(source)
    _check_orientation(frame, first_frame)
    framing = compare_framing(frame, first_frame, who)
    expected = "an edit of the source's own first frame, with its framing and pose"
    errors, warnings, advice = framing.over(1), framing.over(0), "edit frame 0 itself"
    if errors:
        mends = errors.keys() <= ALIGNED
        if mends and not _is_another(frame, _moved(frame, first_frame, who), who):
            advice += ", or move it onto frame 0 with --align (align=True)"
        what = f"the edited first frame does not fit frame 0: {'; '.join(errors.values())}"
        raise EditError(what, expected, advice)
    if _is_another(frame, first_frame, who):
        what = "the edited first frame shows somebody else, or another picture"
        raise EditError(what, expected, advice)
    if warnings and warnings.keys() <= ALIGNED:
        warnings["align"] = "--align (align=True) moves it into place"
    return framing, ["; ".join(warnings.values())] if warnings else []


def align(source: Clip, first_frame: Image) -> Image:
    """Move, scale and tilt the edited face onto that of frame 0; EditError if that cannot be."""
    _check_orientation(source.frames[0], first_frame)
    return _moved(source.frames[0], first_frame, _who(source))


def _moved(frame: Image, first_frame: Image, who: Who) -> Image:
    mine = _face(frame, "source", who)[0, RIGID, :2]
    theirs = _face(first_frame, "edited first frame", who)[0, RIGID, :2]
    moved, _ = cv2.estimateAffinePartial2D(theirs, mine, method=cv2.LMEDS)
    if moved is None:
        raise EditError("no movement brings the edited face onto the source's", "two similar faces")
    how = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REFLECT_101}
    return cv2.warpAffine(first_frame, moved, frame.shape[1::-1], **how)


def _who(source: Clip) -> Who:
    """Return where in frame 0 the clip's person is, None if alone; EditError if they come later."""
    place, first = place_of(source.frames, source.person)
    if place is None and not track(source.frames[:1]).found[0]:
        first = int(np.argmax(track(source.frames).found))
    if first:
        what = f"no face in the source's first frame (the first is in frame {first})"
        advice = f"cut off its first {first} frames, and edit the frame that is then the first"
        raise EditError(what, "a clip that begins with the face", advice)
    return place


def _check_orientation(frame: Image, first_frame: Image) -> None:
    """Raise EditError if the first frame fits better when it is mirrored or turned."""
    versions = {"mirrored": first_frame[:, ::-1], "upside down": first_frame[::-1, ::-1]}
    if frame.shape[0] == frame.shape[1]:
        versions["turned by 90 degrees"] = np.rot90(first_frame, -1)
        versions["turned by 270 degrees"] = np.rot90(first_frame)
    alike = {name: _likeness(frame, version) for name, version in versions.items()}
    best = max(alike, key=lambda name: alike[name])
    if alike[best] <= max(LIKE, _likeness(frame, first_frame) + LIKER):
        return
    moved = 0.0
    if best == "mirrored":  # what is merely elsewhere is no more like its mirror image, moved back
        with suppress(EditError):
            moved = _likeness(frame, _moved(frame, first_frame, None))
    if alike[best] > moved + LIKER:
        back = f"{'mirror' if best == 'mirrored' else 'turn'} it back"
        raise EditError(f"the edited first frame is {best}", "an edit of frame 0 as it is", back)


def _likeness(first: Image, second: Image) -> float:
    """Correlate the fine grey levels of two pictures, -1 to 1."""
    fine = []
    for picture in (first, second):
        small = cv2.resize(np.ascontiguousarray(picture), (64, 64), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
        fine.append(grey - cv2.GaussianBlur(grey, (0, 0), 6.4))
    # zero-mean cross-correlation of two pictures of one size; 0 where one is flat
    return float(cv2.matchTemplate(fine[0], fine[1], cv2.TM_CCOEFF_NORMED)[0, 0])


def _is_another(frame: Image, first_frame: Image, who: Who) -> bool:
    """Whether a picture that is framed alike shows somebody else."""
    if _likeness(frame, first_frame) >= STRANGE:
        return False
    mine = head_in(frame, "source", who).face[0, :, :2]
    theirs = head_in(first_frame, "edited first frame", who).face[0, :, :2]
    shape = math.sqrt(float(((mine - theirs) ** 2).sum(-1).mean()))
    levels = float(np.abs(frame.astype(np.int16) - first_frame).mean())
    return shape > OTHER_SHAPE and levels > OTHER_LEVELS


def head_in(picture: Image, name: str, who: Who = None) -> Head:
    """Fit the head (at a place, or the largest); EditError if there is none, or a tiny one."""
    head = fit_head(_face(picture, name, who))
    if head.scale[0] < SMALLEST_FACE:
        what = f"the face in the {name} is {head.scale[0]:.0f} pixels from eye to eye"
        raise EditError(what, f"at least {SMALLEST_FACE}", "crop the clip closer to the face")
    return head


def _face(picture: Image, name: str, who: Who) -> Float[np.ndarray, "1 478 3"]:
    found = track(picture[None], person=who)
    if not found.found[0]:
        advice = "choose a clip, or an edit, in which the face is visible"
        raise EditError(f"no face in the {name}", "a person whose face can be seen", advice)
    return found.face
