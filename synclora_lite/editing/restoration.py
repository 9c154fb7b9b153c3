"""Restoration: what optical flow propagates is taken where the model drew the same.

An edit can be propagated by deformation or as a picture. Both are as sharp as the source, and wrong
where flow is: behind what turns, opens or is covered. The model knows where that is, for it has
seen the source and not the flow.
"""

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from scipy.special import expit

from synclora_lite.editing.flow import flow_to_first
from synclora_lite.editing.propagation import propagate

Frames = UInt8[np.ndarray, "frames height width 3"]

DRAWN, NOT_DRAWN = 20.0, 50.0  # grey levels: below, the model drew the same; above, it did not
BLUR = 1.0  # pixels: what is compared are colours of places, not of single pixels
HEAD_START, SOFT = 6.0, 4.0  # grey levels: what keeps the source's motion is preferred


def restore(
    source: Frames, first_frame: UInt8[np.ndarray, "height width 3"], output: Frames
) -> Frames:
    """Take what is propagated from the edited first frame where the output shows the same."""
    flows = list(flow_to_first(source))
    deformed = propagate(source, first_frame, "deformation", flows)
    return take_propagated(output, deformed, propagate(source, first_frame, "flow", flows))


def take_propagated(output: Frames, deformed: Frames, picture: Frames) -> Frames:
    """Mix three clips: output = c (a deformed + (1 - a) picture) + (1 - c) output.

    Args:
        output: The edit as the model made it; it stays where neither propagation is believed.
        deformed: Propagation by deformation, at its best where the source shows.
        picture: Propagation by flow, at its best where the edit covers the source.

    """
    far = distance(deformed, output), distance(picture, output)
    share = expit((far[1] - far[0] + HEAD_START) / SOFT)  # a
    propagated = share * deformed + (1 - share) * picture
    sure = np.clip((NOT_DRAWN - np.minimum(*far)) / (NOT_DRAWN - DRAWN), 0, 1)  # c
    return np.clip(sure * propagated + (1 - sure) * output + 0.5, 0, 255).astype(np.uint8)


def distance(a: Frames, b: Frames) -> Float[np.ndarray, "frames height width 1"]:
    """Return the grey levels between the colours of places of two clips."""
    change = a.astype(np.float32) - b
    smooth = np.stack([cv2.GaussianBlur(frame, (0, 0), BLUR) for frame in change])
    return np.abs(smooth).max(-1, keepdims=True)
