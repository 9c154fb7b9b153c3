"""Detail that the autoencoder loses, given back from the two pictures that are known exactly.

A small autoencoder returns even the source blurred, so that lids and lips of an edit are read
with an error that no sampler can avoid. What it loses of a clip is the clip minus its own way
through the autoencoder, and two such losses are known: the source's, in every frame, and the
edited first frame's. Where the output looks, at low frequencies, like the source that went the
same way, the edit changed nothing, and the source's loss is added back. Elsewhere the first
frame's loss is carried along the source's optical flow, and added where the output looks like the
first frame carried so. Where neither agrees, the output stays as the model made it.

One may go further. Optical flow can carry the whole edit, too, in two ways: as what it does to the
source, a bend and a difference, or as the edited frame itself. Both are sharper than what a small
model draws, and wrong where flow is: behind what turns, opens or is covered. The model knows where
that is, for it has seen the source and not the flow. So it is made the judge: a warp is believed
where the model drew the same.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from scipy.special import expit

from synclora_lite.editing.flow import Flows, flow_to_first, sample

Frames = UInt8[np.ndarray, "frames height width 3"]
Image = UInt8[np.ndarray, "height width 3"]
Losses = Float[np.ndarray, "frames height width 3"]
PerPixel = Float[np.ndarray, "frames height width 1"]

DETAILS = ("none", "source", "both", "carried")
SAME, OTHER = 12.0, 30.0  # grey levels: below, two places look alike; above, they do not
DRAWN, NOT_DRAWN = 20.0, 50.0  # the same for a warp and what the model drew, often too faintly
BLUR = 1.0  # pixels: what is compared are colours of places, not of single pixels
HEAD_START, SOFT = 6.0, 4.0  # grey levels: the warp that keeps the source's motion is preferred


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


def restore_detail(
    source: Passed, output: Frames, first: Passed | None = None, flows: Flows | None = None
) -> Frames:
    """Add what the autoencoder lost to where the output agrees with what it was lost of.

    Args:
        source: The source clip.
        output: The edit as the model made it.
        first: The edited first frame, a clip of one frame, whose detail is carried to where the
            source has none to give; left out, only the source gives.
        flows: Of the source to its first frame; computed if left out.

    """
    alone = alike(source.coarse, output)
    detail = alone * source.lost
    if first is not None:
        detail += (1 - alone) * carried_detail(output, first, flows or flow_to_first(source.clip))
    return np.clip(output + detail + 0.5, 0, 255).astype(np.uint8)


def carried_detail(output: Frames, first: Passed, flows: Flows) -> Losses:
    """Carry the first frame's loss along the source's flow, to where the output looks like it."""
    detail = np.empty(output.shape, np.float32)
    coarse = first.coarse[0].astype(np.float32)
    for t, (flow, hidden) in enumerate(flows):
        sure = alike(sample(coarse, flow)[None], output[t][None])[0] * ~hidden[..., None]
        detail[t] = sure * sample(first.lost[0], flow)
    return detail


def trust_carried(restored: Frames, output: Frames, bent: Passed, picture: Passed) -> Frames:
    """Take what optical flow carries where the model, whose output is the judge, drew the same.

    All three have gone through the autoencoder when they are compared, so that its blur counts
    against none of them.

    Args:
        restored: What stays where neither warp is believed.
        output: The edit as the model made it.
        bent: `bend_warp` of the clip, at its best where the source shows.
        picture: `flow_warp` of the clip, at its best where the edit covers the source.

    """
    far = distance(bent.coarse, output), distance(picture.coarse, output)
    share = expit((far[1] - far[0] + HEAD_START) / SOFT)
    carried = share * bent.clip + (1 - share) * picture.clip
    sure = likeness(np.minimum(*far), DRAWN, NOT_DRAWN)
    return np.clip(sure * carried + (1 - sure) * restored + 0.5, 0, 255).astype(np.uint8)


def alike(a: np.ndarray, b: np.ndarray) -> PerPixel:
    """Say of every pixel how surely two clips show the same there, 0 to 1."""
    return likeness(distance(a, b), SAME, OTHER)


def likeness(distance: PerPixel, same: float, other: float) -> PerPixel:
    """Turn grey levels between two clips into how surely they show the same, 0 to 1."""
    return np.clip((other - distance) / (other - same), 0, 1)


def distance(a: np.ndarray, b: np.ndarray) -> PerPixel:
    """Return the grey levels between the colours of places of two clips."""
    change = a.astype(np.float32) - b
    smooth = np.stack([cv2.GaussianBlur(frame, (0, 0), BLUR) for frame in change])
    return np.abs(smooth).max(-1, keepdims=True)
