"""Detail that the autoencoder loses, given back from the source where the edit left it alone.

A small autoencoder returns even the source blurred, so that lids and lips of an edit are read
with an error that no sampler can avoid. What it loses of the source is known exactly: the source
minus its own way through the autoencoder. Where the output looks, at low frequencies, like the
source that went the same way, the edit changed nothing, and that loss is added back. Where the
two differ, the output stays as the model made it.
"""

from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Frames = UInt8[np.ndarray, "frames height width 3"]
Detail = Literal["none", "source"]

DETAILS = ("none", "source")
SAME, OTHER = 12.0, 30.0  # grey levels: below, the edit left a pixel alone; above, it did not
BLUR = 1.0  # pixels: what is compared are colours of places, not of single pixels


def restore_detail(source: Frames, coarse: Frames, output: Frames) -> Frames:
    """Add what the autoencoder lost of the source to where the output agrees with it.

    Args:
        source: The source at the model's size.
        coarse: The source encoded and decoded.
        output: The edit as the model made it.

    """
    lost = source.astype(np.float32) - coarse
    restored = output + left_alone(coarse, output) * lost
    return np.clip(restored + 0.5, 0, 255).astype(np.uint8)


def left_alone(coarse: Frames, output: Frames) -> Float[np.ndarray, "frames height width 1"]:
    """Say of every pixel how surely the edit left it alone, 0 to 1."""
    change = output.astype(np.float32) - coarse
    smooth = np.stack([cv2.GaussianBlur(frame, (0, 0), BLUR) for frame in change])
    distance = np.abs(smooth).max(-1, keepdims=True)
    return np.clip((OTHER - distance) / (OTHER - SAME), 0, 1)
