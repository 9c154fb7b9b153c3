"""What is done to a clip within the picture: crop, resize and letterbox."""

from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import UInt8

from synclora_lite.errors import VideoError
from synclora_lite.video.clip import Clip
from synclora_lite.video.limits import LIMITS

Box = tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels; x1 and y1 lie outside


def parse_box(text: str) -> Box:
    """Read "x0,y0,x1,y1".

    Raises:
        VideoError: The text is not four whole numbers that enclose something.

    """
    advice = 'write it as "x0,y0,x1,y1", for example "0,0,512,512"'
    try:
        x0, y0, x1, y1 = (int(part) for part in text.split(","))
    except ValueError as error:
        raise VideoError(f"the crop {text!r}", "four whole numbers", advice) from error
    if not (0 <= x0 < x1 and 0 <= y0 < y1):
        raise VideoError(f"the crop {text!r}", "x0 < x1 and y0 < y1, none below 0", advice)
    return x0, y0, x1, y1


def check_box(box: Box, height: int, width: int) -> None:
    """Raise VideoError unless `box` lies in a picture of this size and is not tiny."""
    x0, y0, x1, y1 = box
    smallest = LIMITS.min_side
    if min(x0, y0) < 0 or x1 > width or y1 > height:
        raise VideoError(
            f"the crop {x0},{y0},{x1},{y1} reaches outside the picture",
            f"a box inside 0,0,{width},{height}",
        )
    if x1 - x0 < smallest or y1 - y0 < smallest:
        raise VideoError(
            f"the crop {x0},{y0},{x1},{y1} is {x1 - x0}x{y1 - y0} pixels",
            f"at least {smallest}x{smallest}",
        )


def crop(clip: Clip, box: Box) -> Clip:
    """Cut `box` = (x0, y0, x1, y1) out of every frame.

    Raises:
        VideoError: The box reaches outside the picture or is smaller than 16 pixels.

    """
    height, width = clip.size
    check_box(box, height, width)
    x0, y0, x1, y1 = box
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


def resize(clip: Clip, size: tuple[int, int]) -> Clip:
    """Scale every frame to `size` = (height, width), whatever that does to the aspect.

    Raises:
        VideoError: The size is not positive or is absurd.

    """
    _check_size(size)
    return replace(clip, frames=np.stack([resize_picture(frame, *size) for frame in clip.frames]))


def letterbox_box(size: tuple[int, int], target: tuple[int, int]) -> Box:
    """Return where a picture of `size` (height, width) comes to lie in a frame of `target`.

    It is as large as fits with its aspect kept, and centred.
    """
    height, width = size
    target_height, target_width = target
    scale = min(target_height / height, target_width / width)
    inner_height = min(target_height, max(1, round(height * scale)))
    inner_width = min(target_width, max(1, round(width * scale)))
    y0, x0 = (target_height - inner_height) // 2, (target_width - inner_width) // 2
    return x0, y0, x0 + inner_width, y0 + inner_height


def letterbox(clip: Clip, size: tuple[int, int], fill: int = 0) -> Clip:
    """Fit the clip into `size` = (height, width), keeping its aspect, with bars of grey `fill`.

    `crop(..., letterbox_box(clip.size, size))` takes the bars off again.

    Raises:
        VideoError: The size is not positive or is absurd.

    """
    _check_size(size)
    x0, y0, x1, y1 = letterbox_box(clip.size, size)
    frames = np.full((len(clip), *size, 3), fill, dtype=np.uint8)
    for target, frame in zip(frames, clip.frames, strict=True):
        target[y0:y1, x0:x1] = resize_picture(frame, y1 - y0, x1 - x0)
    return replace(clip, frames=frames)


def _check_size(size: tuple[int, int]) -> None:
    height, width = size
    if not (1 <= height <= LIMITS.max_side and 1 <= width <= LIMITS.max_side):
        raise VideoError(f"a size of {width}x{height}", f"sides from 1 to {LIMITS.max_side}")
