"""What a still photo does not hold: moving irises, closed lids and the inside of a mouth."""

import cv2
import numpy as np
from jaxtyping import Bool, Float

from synclora_course.puppets.mesh import EYES, LOWER_INNER, UPPER_INNER, Mesh, turn
from synclora_course.puppets.photos import Photo


def blend(
    picture: Float[np.ndarray, "h w 3"],
    opening: Bool[np.ndarray, "h w"],
    paint: Float[np.ndarray, "pixels 3"],
) -> None:
    """Lay paint into an opening, with soft edges."""
    soft = cv2.GaussianBlur(opening.astype(np.float32), (0, 0), 1.0)[opening][:, None]
    soft = np.clip(2 * soft - 0.6, 0, 1)
    picture[opening] += soft * (paint - picture[opening])


def draw_lid(
    picture: Float[np.ndarray, "h w 3"],
    mesh: Mesh,
    target: Float[np.ndarray, "vertices 2"],
    side: str,
    blink: float,
) -> None:
    """Smooth the stretched skin of a closing lid, and draw the lashes along its edge."""
    outer, *_, inner = ring = mesh.ring(side)[: len(EYES[side].upper) + 2]
    eye_width = abs(target[outer, 0] - target[inner, 0])
    edge = np.round(target[list(ring)] * 16).astype(np.int32)
    top = np.round(target[list(EYES[side].crease)] * 16).astype(np.int32)
    lid, line = np.zeros((2, *picture.shape[:2]), np.float32)
    cv2.fillPoly(lid, [np.concatenate([edge, top[::-1]])], 0.9 * blink, cv2.LINE_AA, 4)
    lid = cv2.GaussianBlur(lid, (0, 0), 1.5)[..., None]
    picture += lid * (cv2.GaussianBlur(picture, (0, 0), 0.08 * eye_width) - picture)
    thickness = max(1, round(0.045 * eye_width))
    cv2.polylines(line, [edge], False, 1.0, thickness, cv2.LINE_AA, 4)
    ink = (0.35 + 0.4 * blink) * cv2.GaussianBlur(line, (0, 0), 0.8)[..., None]
    picture += ink * (np.array([42, 28, 24], np.float32) - picture)


def _head_map(
    photo: Photo, mesh: Mesh, motion: dict[str, float], around: Float[np.ndarray, "points 3"]
) -> Float[np.ndarray, "3 2"]:
    """The affine map from the frame back to the photo for a part that only turns with the head."""
    still = Mesh(around, np.ones(len(around)), np.zeros(len(around)), mesh.pivot, mesh.unit)
    there = turn(still, around, motion)[:, :2] - np.array(photo.corner)
    homogeneous = np.column_stack([there, np.ones(len(there))])
    return np.linalg.lstsq(homogeneous, around[:, :2], rcond=None)[0]


def eye(
    opening: Bool[np.ndarray, "h w"],
    photo: Photo,
    mesh: Mesh,
    motion: dict[str, float],
    side: str,
) -> Float[np.ndarray, "pixels 3"]:
    """Paint the white, the iris where the gaze puts it, and the shadow of the lid."""
    ring = list(mesh.ring(side))
    outline = mesh.points[ring]
    half = np.ptp(outline[:, 0]) / 2
    y, x = np.nonzero(opening)
    here = np.column_stack([x, y, np.ones(len(x))]) @ _head_map(photo, mesh, motion, outline)
    middle = outline[:, :2].mean(0)
    iris = photo.face[EYES[side].iris, :2].astype(float)
    radius = np.hypot(*(iris[1:] - iris[0]).T).mean()
    look = np.array([motion["gaze_x"] * 0.42, motion["gaze_y"] * 0.30]) * half
    away = here - iris[0] - look
    across = (here[:, 0] - middle[0]) / half
    white, color = _eye_colors(photo, mesh, side)
    paint = white * (1 - 0.35 * across[:, None] ** 2)
    distance = np.hypot(*away.T) / radius
    rim = np.clip((1.0 - distance) * radius, 0, 1)[:, None]
    shade = np.where(distance > 0.82, 0.6, 1.0 + 0.25 * away[:, 1] / radius)[:, None]
    paint = paint + rim * (color * shade - paint)
    pupil = np.clip((0.42 - distance) * radius + 0.5, 0, 1)[:, None]
    paint = paint + pupil * (np.array([14, 11, 10]) - paint)
    glint = np.hypot(*(away + np.array([0.28, 0.34]) * radius).T) / radius
    paint = paint + 0.85 * np.clip((0.22 - glint) * radius + 0.5, 0, 1)[:, None] * (245 - paint)
    drop = max(1, round(0.2 * half))  # what lies just below the upper lid is in its shadow
    lit = np.zeros(opening.shape, np.float32)
    lit[drop:] = opening[:-drop]
    shadow = 0.5 + 0.5 * cv2.GaussianBlur(lit, (0, 0), 0.12 * half)
    return paint * shadow[opening][:, None]


def _eye_colors(photo: Photo, mesh: Mesh, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Colours of white and iris, measured in the photo."""
    outline = mesh.points[list(mesh.ring(side)), :2].astype(np.int32)
    inside = np.zeros(photo.person.shape, np.uint8)
    cv2.fillPoly(inside, [outline], 1)
    pixels = photo.pixels[inside > 0].astype(float)
    brightness = pixels.mean(1)
    white = pixels[brightness >= np.quantile(brightness, 0.85)].mean(0)
    dark = pixels[brightness <= np.quantile(brightness, 0.35)].mean(0)
    return 0.6 * white + 0.4 * np.array([214, 204, 198]), dark * 0.8 + np.array([22, 14, 8])


def mouth(
    opening: Bool[np.ndarray, "h w"],
    mesh: Mesh,
    target: Float[np.ndarray, "vertices 2"],
) -> Float[np.ndarray, "pixels 3"]:
    """Paint the dark inside of the mouth, teeth under the upper lip and a tongue at the bottom."""
    unit = mesh.unit
    y, x = np.nonzero(opening)
    upper, lower = target[list(UPPER_INNER)], target[list(LOWER_INNER)]
    roof = np.interp(x, upper[:, 0], upper[:, 1])
    floor = np.interp(x, lower[:, 0], lower[:, 1])
    middle, half = upper[:, 0].mean(), np.ptp(upper[:, 0]) / 2 + 1
    side = np.clip(((x - middle) / half) ** 2, 0, 1)[:, None]
    paint = np.full((len(x), 3), (62.0, 22.0, 24.0)) * (1 - 0.6 * side)
    tongue = np.clip(1 - (floor - y) / (0.09 * unit), 0, 1)[:, None] * (1 - side)
    paint += 0.75 * tongue * (np.array([168, 84, 82]) - paint)
    length = np.minimum(0.075 * unit * (1 - 0.5 * side[:, 0]), 0.62 * (floor - roof))
    teeth = np.clip(roof + length - y + 0.5, 0, 1)[:, None]
    ivory = np.array([244, 226, 204]) * (0.96 - 0.55 * side)
    paint += teeth * (ivory - paint)
    shadow = 0.6 + 0.4 * np.clip((y - roof) / (0.03 * unit), 0, 1)[:, None]
    return paint * shadow
