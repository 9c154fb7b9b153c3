"""One window of an edit: what the sampler and the output step both look at, computed once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import UInt8

from synclora_lite.editing.baselines import bend_warp, flow_warp
from synclora_lite.editing.detail import Passed, restore_detail, trust_carried
from synclora_lite.editing.editor import Editor, Latents
from synclora_lite.editing.flow import Flow, Mask, flow_to_first

Frames = UInt8[np.ndarray, "frames side side 3"]
Image = UInt8[np.ndarray, "side side 3"]


@dataclass(frozen=True, eq=False)
class Encoded:
    """Frames, and their latents."""

    frames: Frames
    latents: Latents


@dataclass(frozen=True, eq=False)
class Window:
    """A stretch of the source and its edited first frame; the rest is made when first asked for.

    Attributes:
        editor: The model.
        frames: Of the source, at the model's size.
        anchor: The edited picture that frame 0 becomes.

    """

    editor: Editor
    frames: Frames
    anchor: Image

    @cached_property
    def source(self) -> Encoded:
        """The source."""
        return self._encoded(self.frames)

    @cached_property
    def first(self) -> Encoded:
        """The edited first frame, a clip of one frame."""
        return self._encoded(self.anchor[None])

    @cached_property
    def flows(self) -> list[tuple[Flow, Mask]]:
        """Of the source, frame by frame, to its first frame."""
        return list(flow_to_first(self.frames))

    @cached_property
    def bent(self) -> Encoded:
        """The edit as a bend of the source and what that leaves over."""
        return self._encoded(bend_warp(self.frames, self.anchor, self.flows))

    def finish(self, detail: str, output: Frames) -> Frames:
        """Apply an output step, one of `detail.DETAILS`, to the edit as the model made it."""
        if detail == "none":
            return output
        source = self._passed(self.source)
        if detail == "source":
            return restore_detail(source, output)
        restored = restore_detail(source, output, self._passed(self.first), self.flows)
        if detail == "both":
            return restored
        picture = self._encoded(flow_warp(self.frames, self.anchor, self.flows))
        return trust_carried(restored, output, self._passed(self.bent), self._passed(picture))

    def _encoded(self, frames: Frames) -> Encoded:
        return Encoded(frames, self.editor.encode(frames))

    def _passed(self, clip: Encoded) -> Passed:
        return Passed(clip.frames, self.editor.decode(clip.latents))
