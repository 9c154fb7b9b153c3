"""Restoration: what the autoencoder loses, given back from the two pictures that are known exactly.

A small autoencoder returns even the source blurred. What it loses of a clip is the residual of its
reconstruction, and two residuals are known: the source's, in every frame, and the edited first
frame's. Where the output looks, at low frequencies, like the source's reconstruction, the edit
changed nothing, and the source's residual is added back. Elsewhere the first frame's residual is
carried along the source's optical flow, and added where the output looks like the first frame
carried so. Where neither agrees, the output stays as the model made it.

"carried" goes further: optical flow can carry the whole edit, by deformation or as a picture. Both
are sharper than what a small model draws, and wrong where flow is: behind what turns, opens or is
covered. The model knows where that is, for it has seen the source and not the flow. So what is
propagated is taken where the model drew the same.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from scipy.special import expit

from synclora_lite.editing.flow import Flows, flow_to_first, sample
from synclora_lite.editing.methods import Method
from synclora_lite.editing.window import Reconstruction, Window

Frames = UInt8[np.ndarray, "frames height width 3"]
Residual = Float[np.ndarray, "frames height width 3"]
PerPixel = Float[np.ndarray, "frames height width 1"]
Restoration = Literal["none", "source", "both", "carried"]

SAME, OTHER = 12.0, 30.0  # grey levels: below, two places look alike; above, they do not
DRAWN, NOT_DRAWN = 20.0, 50.0  # the same for a warp and what the model drew, often too faintly
BLUR = 1.0  # pixels: what is compared are colours of places, not of single pixels
HEAD_START, SOFT = 6.0, 4.0  # grey levels: the warp that keeps the source's motion is preferred


@dataclass(frozen=True)
class Restored:
    """A method with a model, followed by restoration.

    Attributes:
        method: What makes the clip.
        restoration: "source" gives back the source's residual, "both" the first frame's as well,
            "carried" then takes what optical flow carries where the model drew the same.

    """

    method: Method
    restoration: Restoration

    def __call__(self, window: Window, generator: torch.Generator, steps: int) -> Frames:
        """Return the edited frames of a window."""
        output = self.method(window, generator, steps)
        if self.restoration == "none":
            return output
        source = window.reconstruction(window.source)
        if self.restoration == "source":
            return restore(source, output)
        first = window.reconstruction(window.first)
        restored = restore(source, output, first, window.flows)
        if self.restoration == "both":
            return restored
        deformed, picture = (
            window.reconstruction(window.propagated(kind)) for kind in ("deformation", "flow")
        )
        return take_carried(restored, output, deformed, picture)


def restore(
    source: Reconstruction,
    output: Frames,
    first: Reconstruction | None = None,
    flows: Flows | None = None,
) -> Frames:
    """Add residuals to where the output agrees with what they are the residual of.

    Args:
        source: The source clip.
        output: The edit as the model made it.
        first: The edited first frame, a clip of one frame; left out, only the source gives.
        flows: Of the source to its first frame; computed if left out.

    """
    alone = alike(source.coarse, output)
    detail = alone * source.residual
    if first is not None:
        coarse = first.coarse[0].astype(np.float32)
        for t, (flow, hidden) in enumerate(flows or flow_to_first(source.clip)):
            sure = alike(sample(coarse, flow)[None], output[t][None])[0] * ~hidden[..., None]
            detail[t] += (1 - alone[t]) * (sure * sample(first.residual[0], flow))
    return np.clip(output + detail + 0.5, 0, 255).astype(np.uint8)


def take_carried(
    restored: Frames, output: Frames, deformed: Reconstruction, picture: Reconstruction
) -> Frames:
    """Take what optical flow carries where the model drew the same.

    All three have gone through the autoencoder when they are compared, so that its blur counts
    against none of them.

    Args:
        restored: What stays where neither propagation is believed.
        output: The edit as the model made it.
        deformed: Propagation by deformation, at its best where the source shows.
        picture: Propagation by flow, at its best where the edit covers the source.

    """
    far = distance(deformed.coarse, output), distance(picture.coarse, output)
    share = expit((far[1] - far[0] + HEAD_START) / SOFT)
    carried = share * deformed.clip + (1 - share) * picture.clip
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
