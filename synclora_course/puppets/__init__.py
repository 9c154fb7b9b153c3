"""Photo puppets: a real photograph moved by a landmark mesh.

The person is cut out and laid over a background without them; the mesh under the person is moved
by the same thirteen channels as the rendered portraits, and every triangle carries its piece of
the photo along (piecewise-affine warp). What a still photo does not hold is painted: the whites
and irises that follow the gaze, and the inside of the mouth.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from synclora_course.puppets.mesh import (
    EYES,
    Mesh,
    build,
    depth_inside,
    expression,
    texture,
    turn,
)
from synclora_course.puppets.paint import blend, draw_lid, eye, mouth
from synclora_course.puppets.photos import FRAMES, WINDOW, Photo, load_photo
from synclora_lite.portraits.motion import CHANNELS, Motion

PHOTOS = tuple(FRAMES)
_MARGIN = 16  # pixels around the cut-out that the background is painted over


@dataclass(frozen=True)
class Puppet:
    """A photo with its mesh, the background behind it and the openings in it."""

    photo: Photo
    mesh: Mesh
    triangles: Int[np.ndarray, "triangles 3"]
    openings: dict[str, Bool[np.ndarray, " triangles"]]
    background: UInt8[np.ndarray, "window window 3"]


def puppet_clip(
    photo: str, motion: Motion, size: int = 256
) -> UInt8[np.ndarray, "frames size size 3"]:
    """Move a photo.

    Args:
        photo: "grace_hopper" or "eileen_collins".
        motion: What to do; the units are those of the rendered portraits.
        size: Side of the square frames in pixels.

    Raises:
        ArtifactError: No photo has this name.

    """
    puppet = _prepare(photo)
    rows = [dict(zip(CHANNELS, row, strict=True)) for row in motion.values.tolist()]
    frames = (_draw(puppet, row) for row in rows)
    return np.stack([cv2.resize(f, (size, size), interpolation=cv2.INTER_AREA) for f in frames])


def _prepare(name: str) -> Puppet:
    photo = load_photo(name)
    mesh = build(photo)
    triangles = mesh.triangles()
    middles = mesh.opened[triangles].mean(1)
    rings = {part: mesh.opened[list(mesh.ring(part))] for part in ("mouth", *EYES)}
    openings = {part: depth_inside(ring, middles) > 0 for part, ring in rings.items()}
    left, top = photo.corner
    frame = np.s_[top : top + WINDOW, left : left + WINDOW]
    # the background goes on a little way behind the person
    grown = cv2.dilate(photo.person[frame], np.ones((_MARGIN, _MARGIN))) > 8
    behind = cv2.inpaint(photo.pixels[frame], grown.astype(np.uint8), 5, cv2.INPAINT_TELEA)
    return Puppet(photo, mesh, triangles, openings, behind)


def _draw(puppet: Puppet, motion: dict[str, float]) -> UInt8[np.ndarray, "window window 3"]:
    """Draw one frame at full resolution."""
    mesh, corner = puppet.mesh, np.array(puppet.photo.corner)
    moved = turn(mesh, expression(mesh, motion), motion)
    target = moved[:, :2] - corner
    # the triangle that covers each pixel, the nearest one on top; -1 where none does
    owner = np.full((WINDOW, WINDOW), -1, np.int32)
    corners = np.round(target[puppet.triangles] * 16).astype(np.int32)
    depth = moved[puppet.triangles, 2].mean(1)
    depth += WINDOW * np.any(list(puppet.openings.values()), axis=0)  # openings lie behind
    for number in np.argsort(-depth):
        cv2.fillConvexPoly(owner, corners[number], int(number), shift=4)
    where = _source_of(owner, target, texture(mesh, motion), puppet.triangles)
    border: dict[str, Any] = {"borderMode": cv2.BORDER_REPLICATE}
    picture = cv2.remap(puppet.photo.pixels, where, None, cv2.INTER_CUBIC, **border)
    picture = picture.astype(np.float32)
    cover = cv2.remap(puppet.photo.person, where, None, cv2.INTER_LINEAR, **border)
    for part, member in puppet.openings.items():
        opening = member[owner] & (owner >= 0)
        if opening.any():
            inside = (
                mouth(opening, mesh, target)
                if part == "mouth"
                else eye(opening, puppet.photo, mesh, motion, part)
            )
            blend(picture, opening, inside)
    for side in EYES:
        draw_lid(picture, mesh, target, side, min(motion[f"blink_{side}"], 1.0))
    alpha = np.where(owner >= 0, cover, 0)[..., None] / np.float32(255)
    mixed = alpha * picture + (1 - alpha) * puppet.background
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


def _source_of(
    owner: Int[np.ndarray, "window window"],
    target: Float[np.ndarray, "vertices 2"],
    rest: Float[np.ndarray, "vertices 2"],
    triangles: Int[np.ndarray, "triangles 3"],
) -> Float[np.ndarray, "window window 2"]:
    """Where in the photo each pixel comes from: the inverse of each triangle's affine map."""
    corners = np.concatenate([target[triangles], np.ones((len(triangles), 3, 1))], -1)
    flat = np.abs(np.linalg.det(corners)) < 1e-6
    corners[flat] = np.eye(3)
    inverse = np.linalg.solve(corners, rest[triangles])  # (triangles, 3, 2)
    y, x = np.mgrid[:WINDOW, :WINDOW]
    homogeneous = np.stack([x, y, np.ones_like(x)], -1).astype(np.float32)
    return np.einsum("hwi,hwij->hwj", homogeneous, inverse.astype(np.float32)[owner])
