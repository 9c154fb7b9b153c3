"""Boxes within the picture: crop, scale, and where a picture fits into another."""

from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import UInt8

from synclora_lite.errors import VideoError
from synclora_lite.video.clip import Clip
from synclora_lite.video.limits import LIMITS

Box = tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels; x1 and y1 lie outside


def parse_box(text: str) -> Box:
    """Read "x0,y0,x1,y1"; VideoError unless it is four whole numbers that enclose something."""
    advice = 'write it as "x0,y0,x1,y1", for example "0,0,512,512"'
    try:
        x0, y0, x1, y1 = (int(part) for part in text.split(","))
    except ValueError as error:
        raise VideoError(f"the crop {text!r}", "four whole numbers", advice) from error
    if not (0 <= x0 < x1 and 0 <= y0 < y1):
        raise VideoError(f"the crop {text!r}", "x0 < x1 and y0 < y1, none below 0", advice)
    return x0, y0, x1, y1


def crop(clip: Clip, box: Box) -> Clip:
    """Cut `box` out of every frame; VideoError if it reaches outside or is below 16 pixels."""
    (x0, y0, x1, y1), (height, width), least = box, clip.size, LIMITS.min_side
    what = f"the crop {x0},{y0},{x1},{y1}"
    if min(x0, y0) < 0 or x1 > width or y1 > height:
        inside = f"a box inside 0,0,{width},{height}"
        raise VideoError(f"{what} reaches outside the picture", inside)
    if x1 - x0 < least or y1 - y0 < least:
        raise VideoError(f"{what} is {x1 - x0}x{y1 - y0} pixels", f"at least {least}x{least}")
    return replace(clip, frames=np.ascontiguousarray(clip.frames[:, y0:y1, x0:x1]))


def resize_picture(
    picture: UInt8[np.ndarray, "h w 3"], height: int, width: int
) -> UInt8[np.ndarray, "height width 3"]:
    """Scale one picture: averaged when it shrinks, cubic when it grows."""
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = height <= picture.shape[0] and width <= picture.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), dtype=np.uint8)


def letterbox_box(size: tuple[int, int], target: tuple[int, int]) -> Box:
    """Return where a picture (height, width) lies, centred and as large as fits, in a frame."""
    scale = min(target[0] / size[0], target[1] / size[1])
    height, width = (
        min(room, max(1, round(side * scale))) for side, room in zip(size, target, strict=True)
    )
    y0, x0 = (target[0] - height) // 2, (target[1] - width) // 2
    return x0, y0, x0 + width, y0 + height
