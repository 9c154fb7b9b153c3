"""Small clips made on the spot."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from synclora_lite.video import Clip

Convert = Callable[..., Path]


def moving_clip(frames: int = 18, height: int = 64, width: int = 96, fps: float = 12) -> Clip:
    """Return a smooth picture that drifts to the right and grows brighter frame by frame."""
    rows, columns = np.mgrid[0:height, 0:width]
    pictures = []
    for index in range(frames):
        wave = 0.5 + 0.4 * np.sin((columns - 2 * index) / 9.0) * np.cos(rows / 11.0)
        light = 40 + 150 * index / max(1, frames - 1)
        pictures.append(np.stack([wave * light, wave * 120, wave * (220 - light)], axis=-1))
    return Clip(np.asarray(pictures).astype(np.uint8), fps)
