"""Between a clip of any size and length and the windows that a model was trained on."""

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import UInt8

from synclora_lite.video.clip import Frames
from synclora_lite.video.geometry import letterbox_box, resize_picture

Image = UInt8[np.ndarray, "_ _ 3"]


def into_frame(picture: Image, side: int) -> UInt8[np.ndarray, "side side 3"]:
    """Scale a picture into a square; bars repeat its edge, as black would be unknown."""
    x0, y0, x1, y1 = letterbox_box((picture.shape[0], picture.shape[1]), (side, side))
    inner = resize_picture(picture, y1 - y0, x1 - x0)
    return cv2.copyMakeBorder(inner, y0, side - y1, x0, side - x1, cv2.BORDER_REPLICATE)


def out_of_frame(picture: Image, size: tuple[int, int]) -> Image:
    """Cut the bars off and scale back to a size (height, width)."""
    x0, y0, x1, y1 = letterbox_box(size, (picture.shape[0], picture.shape[1]))
    return resize_picture(np.ascontiguousarray(picture[y0:y1, x0:x1]), *size)


def edit_in_windows(
    source: Frames,
    first_frame: Image,
    edit: Callable[[Frames, Image], Frames],
    *,
    window: int,
    overlap: int,
) -> tuple[Frames, list[float]]:
    """Edit a clip of any length by windows that the model knows, each as long as the others.

    The first frame of every window but the first is the picture that the window before made at that
    moment; in the frames both have, one fades into the other. A clip that ends inside a window is
    continued by its last frame. Returns the clip, and at each seam the mean step in grey levels.
    """
    output, seams, start, known = np.empty_like(source), [], 0, 0
    while known < len(source):
        piece = source[start : start + window]
        padded = np.pad(piece, ((0, window - len(piece)), (0, 0), (0, 0), (0, 0)), "edge")
        anchor = output[start] if start else first_frame
        made = edit(padded, anchor)[: len(piece)]
        if known:
            before, after = output[start:known], made[: known - start]
            seams.append(float(np.abs(before.astype(np.int16) - after).mean()))
            weight = np.linspace(0, 1, len(before))[:, None, None, None]
            made[: known - start] = before * (1 - weight) + after * weight + 0.5
        output[start : start + len(piece)] = made
        known, start = start + len(piece), start + window - overlap
    return output, seams
