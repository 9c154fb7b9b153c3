"""One window of an edit: what a method is given, and what several steps of it need, made once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, UInt8

from synclora_lite.editing.flow import Flow, Mask, flow_to_first
from synclora_lite.editing.ltx_video import Latents, LTXVideo
from synclora_lite.editing.propagation import Propagation, propagate

Frames = UInt8[np.ndarray, "frames height width 3"]
Image = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True, eq=False)
class Encoded:
    """Frames, and their latents."""

    frames: Frames
    latents: Latents


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A clip, and the same clip encoded and decoded."""

    clip: Frames
    coarse: Frames

    @property
    def residual(self) -> Float[np.ndarray, "frames height width 3"]:
        """What the autoencoder loses."""
        return self.clip.astype(np.float32) - self.coarse


@dataclass(frozen=True, eq=False)
class Window:
    """A stretch of the source and its edited first frame; the rest is made when first asked for.

    Attributes:
        frames: Of the source; at the model's size if there is one.
        first_frame: The edited picture that frame 0 becomes.
        backend: The model, for the methods that need one.

    """

    frames: Frames
    first_frame: Image
    backend: LTXVideo | None = None

    @property
    def loaded(self) -> LTXVideo:
        """The model; there must be one."""
        assert self.backend is not None
        return self.backend

    @cached_property
    def source(self) -> Encoded:
        """The source."""
        return self._encoded(self.frames)

    @cached_property
    def first(self) -> Encoded:
        """The edited first frame, a clip of one frame."""
        return self._encoded(self.first_frame[None])

    @cached_property
    def flows(self) -> list[tuple[Flow, Mask]]:
        """Of the source, frame by frame, to its first frame."""
        return list(flow_to_first(self.frames))

    @cached_property
    def deformed(self) -> Encoded:
        """The edit propagated by deformation."""
        return self._encoded(propagate(self.frames, self.first_frame, "deformation", self.flows))

    def propagated(self, kind: Propagation) -> Encoded:
        """Return the edit carried along the flow, encoded."""
        if kind == "deformation":
            return self.deformed
        return self._encoded(propagate(self.frames, self.first_frame, kind, self.flows))

    def reconstruction(self, clip: Encoded) -> Reconstruction:
        """Return a clip with its way through the autoencoder."""
        return Reconstruction(clip.frames, self.loaded.decode(clip.latents))

    def _encoded(self, frames: Frames) -> Encoded:
        return Encoded(frames, self.loaded.encode(frames))
