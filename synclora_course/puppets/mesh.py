"""The mesh under a photo puppet: which vertex goes where when the person moves.

Vertices are the 468 points of MediaPipe's face mesh and a grid around them that carries hair,
neck and shoulders. All lengths are in pixels of the enlarged photo; z grows away from the camera.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import Delaunay

from synclora_course.puppets.photos import WINDOW, Photo

Points = Float[np.ndarray, "vertices 3"]
Face = Float[np.ndarray, "468 3"]
Flat = Float[np.ndarray, "vertices 2"]
Share = Float[np.ndarray, " vertices"]

# Points of MediaPipe's canonical mesh (mediapipe/modules/face_geometry/data), rings from corner to
# corner.


class Eye(NamedTuple):
    """Landmarks of one eye: corners, lids, the crease above, the iris and the brow."""

    corners: tuple[int, int]
    upper: tuple[int, ...]
    lower: tuple[int, ...]
    crease: tuple[int, ...]
    iris: slice
    brow: tuple[int, ...]


EYES = {  # "right" is the person's right eye: the one on the left of the picture
    "right": Eye(
        (33, 133),
        (246, 161, 160, 159, 158, 157, 173),
        (7, 163, 144, 145, 153, 154, 155),
        (247, 30, 29, 27, 28, 56, 190),
        slice(468, 473),
        (70, 63, 105, 66, 107, 46, 53, 52, 65, 55),
    ),
    "left": Eye(
        (263, 362),
        (466, 388, 387, 386, 385, 384, 398),
        (249, 390, 373, 374, 380, 381, 382),
        (467, 260, 259, 257, 258, 286, 414),
        slice(473, 478),
        (300, 293, 334, 296, 336, 276, 283, 282, 295, 285),
    ),
}
MOUTH_CORNERS = (61, 291)
INNER_CORNERS = (78, 308)
UPPER_INNER = (191, 80, 81, 82, 13, 312, 311, 310, 415)
LOWER_INNER = (95, 88, 178, 87, 14, 317, 402, 318, 324)
UPPER_OUTER = (185, 40, 39, 37, 0, 267, 269, 270, 409)
LOWER_OUTER = (146, 91, 181, 84, 17, 314, 405, 321, 375)
# all four rings of each lip, corner to corner
UPPER_LIP = (
    *UPPER_INNER, *UPPER_OUTER,
    183, 42, 41, 38, 12, 268, 271, 272, 407, 184, 74, 73, 72, 11, 302, 303, 304, 408,
)  # fmt: skip
LOWER_LIP = (
    *LOWER_INNER, *LOWER_OUTER,
    96, 89, 179, 86, 15, 316, 403, 319, 325, 77, 90, 180, 85, 16, 315, 404, 320, 307,
)  # fmt: skip
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
CHIN, FOREHEAD, SIDES = 152, 10, (234, 454)
FACE = 468

_GRID = 22  # pixels between the vertices around the face
_BESIDE = 9  # and how close they come to it


@dataclass(frozen=True)
class Mesh:
    """A photo's vertices at rest, how much each follows the head, and what is between them.

    Attributes:
        points: Vertices at rest; the first 468 are the face.
        follow: Share of the head's motion that each vertex takes on, 1 on the face.
        jaw: Share of the jaw's motion, 1 at the chin.
        pivot: Centre that the head turns about.
        unit: Half the height of the head: the renderer's unit of length.

    """

    points: Points
    follow: Share
    jaw: Share
    pivot: Float[np.ndarray, "3"]
    unit: float

    @property
    def opened(self) -> Flat:
        """The face with its mouth wide open."""
        return expression(self, {"mouth_open": 1.0})[:, :2]

    def triangles(self) -> Int[np.ndarray, "triangles 3"]:
        """Join the vertices, with eyes and mouth wide open so that lids and lips stay apart."""
        return Delaunay(self.opened).simplices

    def ring(self, part: str) -> tuple[int, ...]:
        """The outline of an opening: "mouth", "right" (eye) or "left", in order."""
        if part == "mouth":
            return (INNER_CORNERS[0], *UPPER_INNER, INNER_CORNERS[1], *LOWER_INNER[::-1])
        eye = EYES[part]
        return (eye.corners[0], *eye.upper, eye.corners[1], *eye.lower[::-1])


def build(photo: Photo) -> Mesh:
    """Lay the mesh over a photo."""
    face = photo.face[:FACE].astype(float).copy()
    upper, lower = list(UPPER_INNER), list(LOWER_INNER)
    middle = (face[upper, 1] + face[lower, 1]) / 2
    half = np.maximum(face[lower, 1] - face[upper, 1], 0.8) / 2  # closed lips must not cross
    face[upper, 1], face[lower, 1] = middle - half, middle + half
    left, right = face[SIDES[0]], face[SIDES[1]]
    height = face[CHIN, 1] - face[FOREHEAD, 1]
    pivot = np.array([(left[0] + right[0]) / 2, face[2, 1], (left[2] + right[2]) / 2])
    # the halo: a grid over the frame and its surroundings, without the face
    steps = np.arange(-2 * _GRID, WINDOW + 2 * _GRID + 1, _GRID, dtype=float)
    grid = np.stack(np.meshgrid(*(steps + edge for edge in photo.corner)), -1).reshape(-1, 2)
    hull = cv2.convexHull(face[:, :2].astype(np.float32))
    halo = grid[depth_inside(hull, grid) < -_BESIDE]
    # an ellipse around the head with its hair: inside it the picture follows the head
    centre = np.array([pivot[0], face[FOREHEAD, 1] + 0.36 * height])
    axes = np.array([0.72 * (right[0] - left[0]), 0.86 * height])
    radius = np.hypot(*((halo - centre) / axes).T)
    flat = np.concatenate([face[:, :2], halo])
    points = np.column_stack([flat, _relief(flat, face, pivot)])
    follow = np.concatenate([np.ones(FACE), 1 - _smoothstep(0.95, 1.75, radius)])
    return Mesh(points, follow, _jaw_share(points, face), pivot, 0.72 * height)


def depth_inside(outline: Float[np.ndarray, "*corners 2"], points: Flat) -> Share:
    """How far each point lies inside an outline, in pixels; negative outside."""
    outline = outline.astype(np.float32)
    return np.array([cv2.pointPolygonTest(outline, tuple(map(float, p)), True) for p in points])


def _relief(points: Flat, face: Face, pivot: Float[np.ndarray, "3"]) -> Share:
    """Depth of every vertex: a smooth dome through the face, with nose and eyes kept.

    MediaPipe's depth is rough along the edge of the face, where a turn would tear the cheek into
    shards, and unknown beyond it. There the dome alone counts, down to the depth of the ears.
    """
    size = np.ptp(face[list(OVAL), 1])

    def terms(xy: np.ndarray) -> np.ndarray:
        x, y = ((xy - pivot[:2]) / size).T
        return np.column_stack([np.ones_like(x), x**2, y, y**2])

    fit = np.linalg.lstsq(terms(face[:, :2]), face[:, 2], rcond=None)[0]
    dome = pivot[2] - np.logaddexp(0, (pivot[2] - terms(points) @ fit) / 12) * 12
    gap = np.linalg.norm(points[:FACE, None] - face[None, list(OVAL), :2], axis=-1).min(1)
    dome[:FACE] += _smoothstep(0.05, 0.22, gap / size) * (face[:, 2] - dome[:FACE])
    return dome


def _jaw_share(points: Points, face: Face) -> Share:
    """How far each vertex drops with the jaw.

    On the lower lip it is a bow that ends at the corners of the mouth; further down the bow widens
    into the whole chin; the neck below takes up the rest. Above the mouth nothing drops.
    """
    left, right = face[list(MOUTH_CORNERS), :2]
    chin, half = face[CHIN, :2], (right[0] - left[0]) / 2
    x = points[:, 0] - (left[0] + right[0]) / 2
    below = (points[:, 1] - (left[1] + right[1]) / 2) / (chin[1] - (left[1] + right[1]) / 2)
    lip = np.clip(1 - (x / half) ** 2, 0, 1) ** 0.7
    chin_bow = 0.85 * np.exp(-((x / (1.9 * half)) ** 2))
    share = lip + _smoothstep(0.1, 0.9, below) * (chin_bow - lip)
    share *= _smoothstep(-0.15, 0.12, below) * (1 - _smoothstep(1.0, 2.0, below))
    share[list(UPPER_LIP)] = 0
    share[list(LOWER_LIP)] = lip[list(LOWER_LIP)]
    return share


def _smoothstep(
    low: float, high: float, value: Float[np.ndarray, "*shape"]
) -> Float[np.ndarray, "*shape"]:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def expression(mesh: Mesh, motion: dict[str, float]) -> Points:
    """Move lids, brows and mouth; the head itself stays where it is."""
    unit, points = mesh.unit, mesh.points.copy()
    for eye in EYES.values():  # the brow, and the skin around it with it
        lift = motion.get("brow", 0.0) * 0.060 * unit
        points[:, 1] -= lift * _near(mesh, eye.brow, 0.07 * unit)
    _move_mouth(points, mesh, motion)
    for side, eye in EYES.items():
        # the upper lid comes down onto the lower one; looking down lowers it a little too
        amount = motion.get(f"blink_{side}", 0.0)
        upper, lower, crease = list(eye.upper), list(eye.lower), list(eye.crease)
        open_height = points[lower, 1] - points[upper, 1]
        relaxed = 0.10 + 0.22 * motion.get("gaze_y", 0.0)
        lowered = amount + relaxed * (1 - amount)
        points[upper, 1] += lowered * 0.92 * open_height
        points[lower, 1] -= max(amount, 0.0) * 0.06 * open_height
        points[crease, 1] += max(lowered, 0.0) * 0.28 * open_height
    return points


def _near(mesh: Mesh, handles: tuple[int, ...], reach: float) -> Share:
    """Influence of some vertices on all others: 1 on them, a Gaussian of the distance beside."""
    gap = mesh.points[:, None, :2] - mesh.points[None, list(handles), :2]
    return np.exp(-(np.hypot(*gap.transpose(2, 0, 1)).min(1) ** 2) / (2 * reach**2))


def _move_mouth(points: Points, mesh: Mesh, motion: dict[str, float]) -> None:
    """Open the jaw, stretch the lips, and draw their corners out and up for a smile."""
    rest, unit = mesh.points, mesh.unit
    opened = motion.get("mouth_open", 0.0)
    width, smile = motion.get("mouth_width", 0.0), motion.get("smile", 0.0)
    corners = rest[list(MOUTH_CORNERS), :2]
    centre, half = corners.mean(0), (corners[1, 0] - corners[0, 0]) / 2
    # shut an open-mouthed photo first: the lower lip comes up to the upper one
    gap = rest[14, 1] - rest[13, 1]
    bow = np.clip(1 - ((rest[:, 0] - centre[0]) / half) ** 2, 0, 1)
    drop = 0.20 * unit * opened * (1 - 0.2 * smile) - 0.8 * gap
    points[:, 1] += drop * mesh.jaw
    upper = list(UPPER_LIP)
    points[upper, 1] -= 0.035 * unit * opened * bow[upper] ** 0.7
    lips = _near(mesh, UPPER_OUTER + LOWER_OUTER + MOUTH_CORNERS, 0.22 * unit)
    stretch = 0.17 * width + 0.20 * smile - 0.10 * opened
    points[:, 0] += stretch * lips * np.clip(rest[:, 0] - centre[0], -half, half)
    pull = _near(mesh, MOUTH_CORNERS, 0.16 * unit)
    points[:, 1] -= 0.085 * unit * smile * pull


def texture(mesh: Mesh, motion: dict[str, float]) -> Flat:
    """Where in the photo each vertex takes its colour from: its own place, except on closing lids.

    An open eye shows little of its lid. As it closes, the edge of the lid takes its colour from
    the skin above, or the dark lashes would be smeared over all of it.
    """
    where = mesh.points[:, :2].copy()
    for side, eye in EYES.items():
        upper, crease = list(eye.upper), list(eye.crease)
        share = 0.75 * min(1.0, 2 * motion.get(f"blink_{side}", 0.0))
        where[upper] += share * (where[crease] - where[upper])
    return where


def turn(mesh: Mesh, points: Points, motion: dict[str, float]) -> Points:
    """Turn, tilt and shift the head; the body follows half of the shift."""
    yaw, pitch, roll = (motion.get(name, 0.0) for name in ("yaw", "pitch", "roll"))
    cos, sin = np.cos, np.sin
    about_y = np.array([[cos(yaw), 0, -sin(yaw)], [0, 1, 0], [sin(yaw), 0, cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, cos(pitch), -sin(pitch)], [0, sin(pitch), cos(pitch)]])
    about_z = np.array([[cos(roll), -sin(roll), 0], [sin(roll), cos(roll), 0], [0, 0, 1]])
    turned = (points - mesh.pivot) @ (about_z @ about_x @ about_y).T + mesh.pivot
    shift = np.array([motion.get("x", 0.0), motion.get("y", 0.0), 0.0]) * WINDOW / 2
    follow = mesh.follow[:, None]
    return points + follow * (turned - points) + (0.5 + 0.5 * follow) * shift
