"""Glasses, hats and earrings, drawn where the landmarks say that they belong."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from synclora_lite.editing.first_frame.recolour import parse_colour
from synclora_lite.editing.first_frame.regions import find_region
from synclora_lite.editing.precheck import head_in
from synclora_lite.errors import EditError
from synclora_lite.sync.head import Head

Image = UInt8[np.ndarray, "height width 3"]
Points = Float[np.ndarray, "points 3"]
Flat = Float[np.ndarray, "points 2"]

_FINE = 4  # drawn so many times larger, then averaged down
LIDS = {"right": (159, 145, 33, 133), "left": (386, 374, 263, 362)}
TEMPLES = {"right": 127, "left": 356}
LOBES = {"right": 132, "left": 361}
NOSE = 4
TURNED_AWAY = 0.35  # distances of the eye corners: an ear this near to the nose is behind the head
HATS = ("beanie", "brim")


@dataclass(frozen=True, eq=False)
class Pose:
    """A face in a picture: turns places on the head into pixels.

    Places are in the head's own coordinates: x to the image's right, y down, z away, in distances
    of the outer eye corners, from the point between the eyes.
    """

    head: Head

    def mark(self, index: int) -> Float[np.ndarray, "3"]:
        """Where a landmark is on the head."""
        return self.head.face[0, index].astype(float)

    def pixels(self, places: Points) -> Flat:
        """Where places on the head appear in the picture."""
        turned = places @ self.head.rotation[0].T * self.head.scale[0]
        return (turned + self.head.centre[0])[:, :2]


def draw_glasses(
    picture: Image, colour: str = "#26262b", *, roundness: float = 0.6, thickness: float = 0.055
) -> Image:
    """Put glasses on.

    Args:
        picture: RGB, one person.
        colour: Of the frame.
        roundness: 0 for square rims, 1 for round ones.
        thickness: Of the frame, in distances of the outer eye corners.

    Raises:
        EditError: No face, or no such colour.

    """
    pose = Pose(head_in(picture, "picture"))
    line = thickness * float(pose.head.scale[0])
    ink, lens = (
        np.zeros((picture.shape[0] * _FINE, picture.shape[1] * _FINE), np.uint8) for _ in "ab"
    )
    rims = {side: _rim(pose, side, roundness) for side in LIDS}
    for side, rim in rims.items():
        outline = _fine(pose.pixels(rim))
        cv2.fillPoly(lens, [outline], 255, cv2.LINE_AA)
        cv2.polylines(ink, [outline], True, 255, round(line * _FINE), cv2.LINE_AA)
        outer = rim[np.argmax(np.abs(rim[:, 0]))]
        hinge = outer + np.array([0, -0.04, 0])
        temple = np.stack([hinge, pose.mark(TEMPLES[side]) * (1.02, 1, 1)])
        _stroke(ink, pose.pixels(temple), 0.8 * line)
    raised = np.array([0, -0.05, -0.05])
    inner = [rim[np.argmin(np.abs(rim[:, 0]))] + raised for rim in rims.values()]
    middle = np.mean(inner, axis=0) + raised
    _stroke(ink, pose.pixels(np.stack([inner[0], middle, inner[1]])), 0.9 * line)
    glass = _paint(picture, _shrink(lens) * 0.10, np.array([235.0, 240.0, 245.0]))
    return _paint(glass, _shrink(ink), parse_colour(colour))


def _rim(pose: Pose, side: str, roundness: float) -> Points:
    """The outline of one lens around the eye: a superellipse, a little in front of the face."""
    top, bottom, *corners = (pose.mark(index) for index in LIDS[side])
    width = 0.62 * abs(corners[0][0] - corners[1][0]) + 0.035
    centre = (corners[0] + corners[1]) / 2
    centre[1] = (top[1] + bottom[1]) / 2 + 0.035
    centre[2] = min(top[2], bottom[2]) - 0.05
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    power = 2 / (2 + 4 * (1 - roundness))
    x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power
    y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power
    height = width * (0.80 + 0.15 * roundness)
    return centre + np.column_stack(
        [width * x, height * y, 0.25 * width * x * np.sign(centre[0]) * x]
    )


def draw_earrings(picture: Image, colour: str = "#d9a441", *, size: float = 0.075) -> Image:
    """Hang a round earring on each ear that can be seen.

    Args:
        picture: RGB, one person.
        colour: Of the earrings.
        size: Radius, in distances of the outer eye corners.

    Raises:
        EditError: No face, or no such colour.

    """
    pose, tone = Pose(head_in(picture, "picture")), parse_colour(colour)
    scale = float(pose.head.scale[0])
    nose = pose.pixels(pose.mark(NOSE)[None])[0]
    angle = np.linspace(0, 2 * np.pi, 36)
    ball = np.column_stack([np.cos(angle), np.sin(angle)]) * size * scale
    for index in LOBES.values():
        lobe = pose.mark(index)
        below = lobe + np.array([0.06 * np.sign(lobe[0]), 0.10, 0])
        place = pose.pixels(below[None])[0]
        if abs(place[0] - nose[0]) < TURNED_AWAY * scale:
            continue
        picture = _paint(picture, _cover(picture, place + ball), tone)
        shine = place + 0.35 * ball - 0.3 * size * scale
        picture = _paint(picture, 0.5 * _cover(picture, shine), np.full(3, 255.0))
    return picture


def draw_hat(picture: Image, colour: str = "#a8443c", *, kind: str = "beanie") -> Image:
    """Put a hat on, over whatever hair there is.

    Args:
        picture: RGB, one person.
        colour: Of the hat.
        kind: "beanie" with a ribbed band, or "brim".

    Raises:
        EditError: No face, no such colour, or another kind.

    """
    if kind not in HATS:
        raise EditError(f"no hat named {kind!r}", f"one of {', '.join(HATS)}")
    pose, tone = Pose(head_in(picture, "picture")), parse_colour(colour)
    half, top = _head_size(picture, pose)
    edge = pose.mark(10)[1] + 0.10  # a little below the hairline
    depth = 0.25  # the middle of the skull lies behind the face
    across = np.linspace(-1, 1, 61)
    sag = 0.12 * across**2
    rim = _curve(half * across, edge + sag, depth)
    crown = _curve(
        half * across[::-1],
        edge - (edge - top) * (1 - 0.97 * np.abs(across[::-1]) ** 2.6) ** 0.5,
        depth,
    )
    dome = _cover(picture, pose.pixels(np.concatenate([rim, crown])))
    hat = _paint(picture, dome, tone)
    hat = _shade(hat, dome, pose, half)
    band_top = _curve(half * across[::-1], edge + sag[::-1] - 0.30 * (edge - top), depth)
    band = _cover(picture, pose.pixels(np.concatenate([rim, band_top]))) * dome
    hat = _paint(hat, band * 0.85, tone * 0.72)
    if kind == "brim":
        angle = np.linspace(0, 2 * np.pi, 72)
        flat = _curve(1.38 * half * np.cos(angle), edge + 0.03 + 0.13 * np.sin(angle), depth)
        return _paint(hat, _cover(picture, pose.pixels(flat)), tone * 0.86)
    ribs = np.zeros_like(dome)
    for x in np.linspace(-0.95, 0.95, 16):
        bar = _curve(
            np.full(2, half * x), edge + 0.12 * x**2 - np.array([0, 0.3]) * (edge - top), depth
        )
        ribs += _line(picture, pose.pixels(bar), 0.035 * float(pose.head.scale[0]))
    return _paint(hat, 0.35 * np.clip(ribs, 0, 1) * band, tone * 0.4)


def _head_size(picture: Image, pose: Pose) -> tuple[float, float]:
    """Half the width of head and hair at the hat's edge, and the height of the hat's top."""
    mask = find_region(picture, "person")
    scale, centre = float(pose.head.scale[0]), pose.head.centre[0]
    row = round(float(pose.pixels(pose.mark(10)[None])[0, 1]))
    row = int(np.clip(row, 0, len(mask) - 1))
    reach = np.flatnonzero(mask[row] > 0.5)
    middle = float(pose.pixels(pose.mark(10)[None])[0, 0])
    seen = np.ptp(reach) / 2 / scale if len(reach) else 0.0
    half = float(np.clip(seen + 0.03, 0.88, 1.2))
    column = np.flatnonzero(mask[:, int(np.clip(round(middle), 0, mask.shape[1] - 1))] > 0.5)
    highest = (column.min() - centre[1]) / scale if len(column) else -1.6
    return half, float(np.clip(highest - 0.08, -2.2, -1.45))


def _curve(x: np.ndarray, y: np.ndarray, z: float) -> Points:
    """Places at one depth."""
    return np.column_stack([x, np.broadcast_to(y, x.shape), np.full(x.shape, z)])


def _shade(picture: Image, cover: np.ndarray, pose: Pose, half: float) -> Image:
    """Darken the sides of the crown, lighten its middle."""
    centre, scale = pose.head.centre[0], float(pose.head.scale[0])
    x = (np.arange(picture.shape[1]) - centre[0]) / (half * scale)
    light = 16 * np.exp(-((x + 0.25) ** 2) * 6) - 46 * np.clip(np.abs(x), 0, 1) ** 3
    lit = picture + (cover * light[None])[..., None]
    return np.clip(lit + 0.5, 0, 255).astype(np.uint8)


def _cover(picture: Image, outline: Flat) -> Float[np.ndarray, "height width"]:
    """How much of each pixel an outline encloses."""
    large = _canvas(picture)
    cv2.fillPoly(large, [_fine(outline)], 255, cv2.LINE_AA)
    return _shrink(large)


def _line(picture: Image, ends: Flat, width: float) -> Float[np.ndarray, "height width"]:
    """How much of each pixel a line covers."""
    large = _canvas(picture)
    _stroke(large, ends, width)
    return _shrink(large)


def _canvas(picture: Image) -> UInt8[np.ndarray, "fine_height fine_width"]:
    return np.zeros((picture.shape[0] * _FINE, picture.shape[1] * _FINE), np.uint8)


def _stroke(canvas: np.ndarray, points: Flat, width: float) -> None:
    """Draw an open line on a fine canvas."""
    thickness = max(1, round(width * _FINE))
    cv2.polylines(canvas, [_fine(points)], False, 255, thickness, cv2.LINE_AA)


def _fine(points: Flat) -> np.ndarray:
    """Pixel coordinates on the fine canvas."""
    return np.round((points + 0.5) * _FINE).astype(np.int32)


def _shrink(canvas: np.ndarray) -> Float[np.ndarray, "height width"]:
    """Average a fine canvas down to 0..1."""
    size = (canvas.shape[1] // _FINE, canvas.shape[0] // _FINE)
    return cv2.resize(canvas, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _paint(picture: Image, cover: np.ndarray, colour: np.ndarray) -> Image:
    """Blend a colour in."""
    mixed = picture + cover[..., None] * (colour - picture)
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
