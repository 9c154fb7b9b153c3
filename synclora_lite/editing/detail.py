"""Detail that the autoencoder loses, given back from the two pictures that are known exactly.

A small autoencoder returns even the source blurred, so that lids and lips of an edit are read
with an error that no sampler can avoid. What it loses of a clip is the clip minus its own way
through the autoencoder, and two such losses are known: the source's, in every frame, and the
edited first frame's. Where the output looks, at low frequencies, like the source that went the
same way, the edit changed nothing, and the source's loss is added back. Elsewhere the first
frame's loss is carried along the source's optical flow, and added where the output looks like the
first frame carried so. Where neither agrees, the output stays as the model made it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from synclora_lite.editing.flow import flow_to_first, sample

Frames = UInt8[np.ndarray, "frames height width 3"]
Losses = Float[np.ndarray, "frames height width 3"]
Sureness = Float[np.ndarray, "frames height width 1"]

DETAILS = ("none", "source", "both")
SAME, OTHER = 12.0, 30.0  # grey levels: below, two places look alike; above, they do not
BLUR = 1.0  # pixels: what is compared are colours of places, not of single pixels


@dataclass(frozen=True, eq=False)
class Passed:
    """A clip, and what the autoencoder makes of it.

    Attributes:
        clip: At the model's size.
        coarse: The same clip, encoded and decoded.

    """

    clip: Frames
    coarse: Frames

    @property
    def lost(self) -> Losses:
        """What the autoencoder lost."""
        return self.clip.astype(np.float32) - self.coarse


def restore_detail(source: Passed, output: Frames, first: Passed | None = None) -> Frames:
    """Add what the autoencoder lost to where the output agrees with what it was lost of.

    Args:
        source: The source clip.
        output: The edit as the model made it.
        first: The edited first frame, a clip of one frame, whose detail is carried to where the
            source has none to give; left out, only the source gives.

    """
    alone = alike(source.coarse, output)
    detail = alone * source.lost
    if first is not None:
        detail += (1 - alone) * carried_detail(source.clip, output, first)
    return np.clip(output + detail + 0.5, 0, 255).astype(np.uint8)


def carried_detail(source: Frames, output: Frames, first: Passed) -> Losses:
    """Carry the first frame's loss along the source's flow, to where the output looks like it."""
    detail = np.empty(output.shape, np.float32)
    coarse = first.coarse[0].astype(np.float32)
    for t, (flow, hidden) in enumerate(flow_to_first(source)):
        sure = alike(sample(coarse, flow)[None], output[t][None])[0] * ~hidden[..., None]
        detail[t] = sure * sample(first.lost[0], flow)
    return detail


def alike(a: np.ndarray, b: np.ndarray) -> Sureness:
    """Say of every pixel how surely two clips show the same there, 0 to 1."""
    change = a.astype(np.float32) - b
    smooth = np.stack([cv2.GaussianBlur(frame, (0, 0), BLUR) for frame in change])
    distance = np.abs(smooth).max(-1, keepdims=True)
    return np.clip((OTHER - distance) / (OTHER - SAME), 0, 1)
