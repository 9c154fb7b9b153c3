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

Image = UInt8[np.ndarray, "height width 3"]

SMOOTH = 12.0 / 96  # of the picture's larger side: how far around a place the mean is taken
STEPS = 5
STRAY = 0.7 / 96  # of the same: a flow that is this far from the mean counts a third
UNLIKE = 20.0  # grey levels by which the flow misses at which it counts a third
CONTRAST = 2000.0  # squared gradient from which a place is sure where it belongs
BLANK = 0.05  # what a place without any contrast counts
DEAD = 0.25 / 96  # of the larger side: no picture is resampled for less than this


def register(original: Image, edited: Image) -> Image:
    """Move the edited picture onto the original, smoothly; what did not move stays untouched."""
    move = smooth_move(original, edited)
    length = np.linalg.norm(move, axis=-1, keepdims=True) / max(original.shape[:2])
    return sample(edited, move * np.clip(length / DEAD - 1, 0, 1))


def smooth_move(original: Image, edited: Image) -> Flow:
    """Return where each place of the original is in the edited picture, blind to local edits."""
    side = max(original.shape[:2])
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
