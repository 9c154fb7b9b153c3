"""Bring an edited first frame that came back a little elsewhere onto the source's frame 0.

An image editor redraws what it edits, and a head returns a pixel or two away from where it was.
Everything that compares the two pictures point by point then takes the move for the edit. The move
is smooth and covers the whole head; the edit is local, and does not look like what was there. So
optical flow is smoothed robustly: at every place the mean of what surrounds it, weighted by how
well the flow explains the picture there, and by how near it is to that mean (Welsch's function,
in iteratively reweighted least squares: Holland and Welsch 1977).
"""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from synclora_lite.editing.flow import Flow, flow_between, sample
from synclora_lite.errors import EditError

Image = UInt8[np.ndarray, "height width 3"]

SIDE = 192  # pixels: larger pictures are made smaller, as a smooth move needs no fine ones
SMOOTH = 12.0 / 96  # of the picture's larger side: how far around a place the mean is taken
STEPS = 5
STRAY = 0.7 / 96  # of the same: a flow that is this far from the mean counts a third
UNLIKE = 20.0  # grey levels: a flow that misses by as many counts a third
CONTRAST = 2000.0  # squared gradient from which the flow of a place is trusted in full
BLANK = 0.05  # what a place without any contrast counts
DEAD, LARGEST_DEAD = 0.25 / 96, 1.0  # of the side, in pixels: nothing is resampled for less


def register(original: Image, edited: UInt8[np.ndarray, "_ _ 3"]) -> Image:
    """Move the edited picture onto the original, smoothly; what did not move stays untouched.

    An edit that is itself a small, smooth move of the whole head is undone.

    Args:
        original: The source's frame 0.
        edited: The same picture, edited, of the same size.

    Raises:
        EditError: The sizes differ.

    """
    if original.shape != edited.shape:
        sizes = [f"{p.shape[1]}x{p.shape[0]}" for p in (edited, original)]
        raise EditError(f"an edited frame of {sizes[0]}", f"{sizes[1]}, the source's size")
    move = smooth_move(original, edited)
    dead = min(DEAD * max(original.shape[:2]), LARGEST_DEAD)
    length = np.linalg.norm(move, axis=-1, keepdims=True)
    return sample(edited, move * np.clip(length / dead - 1, 0, 1))


def smooth_move(original: Image, edited: Image) -> Flow:
    """Return where each place of the original is in the edited picture, blind to local edits."""
    height, width = original.shape[:2]
    ratio = max(height, width) / SIDE
    if ratio > 1:
        size = max(1, round(width / ratio)), max(1, round(height / ratio))
        small = (cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (original, edited))
        return cv2.resize(smooth_move(*small), (width, height)) * np.float32(ratio)
    side = max(height, width)
    flow = flow_between(original, edited)
    missed = np.abs(sample(edited, flow).astype(np.float32) - original).max(-1)
    trust = np.exp(-((missed / UNLIKE) ** 2)) * _contrast(original)
    weight, mean = trust, flow
    for step in range(STEPS):
        total = cv2.GaussianBlur(flow * weight[..., None], (0, 0), SMOOTH * side)
        amount = cv2.GaussianBlur(weight, (0, 0), SMOOTH * side)[..., None]
        mean = total / np.maximum(amount, 1e-6)
        stray = STRAY * side * (1 if step else 3)  # the first mean is far from robust
        weight = trust * np.exp(-((flow - mean) ** 2).sum(-1) / stray**2)
    return mean.astype(np.float32)


def _contrast(picture: Image) -> Float[np.ndarray, "height width"]:
    """Say of every place how sure flow can be there, `BLANK` to 1 + `BLANK`."""
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    slopes = (cv2.Sobel(gray, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    energy = cv2.GaussianBlur(sum(slope**2 for slope in slopes), (0, 0), 1.5)
    return BLANK + np.minimum(energy / CONTRAST, 1)
