"""`SyncLoraPipeline`: the edit with the manners of a diffusers pipeline.

pipe = SyncLoraPipeline.from_pretrained("lite")
pipe.load_lora_weights("lite-adapter")
output = pipe(video, image, num_inference_steps=20, generator=torch.Generator().manual_seed(0))
output.frames  # (1, frames, height, width, 3)
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from diffusers.utils import BaseOutput
from jaxtyping import UInt8
from PIL import Image

from synclora_lite.core import combine, eject, inject, load_lora_state_dict, merge
from synclora_lite.editing.editor import Editor, adapter_place, load_editor
from synclora_lite.editing.methods import find_method
from synclora_lite.editing.precheck import as_picture, to_size
from synclora_lite.editing.running import run_model
from synclora_lite.editing.sampling import Sampling
from synclora_lite.errors import EditError, ModelError
from synclora_lite.models import AdapterSettings, read_adapter
from synclora_lite.models.formats import Weights
from synclora_lite.models.precision import check_device
from synclora_lite.video import Clip

Frames = UInt8[np.ndarray, "frames height width 3"]
Video = Clip | np.ndarray | list[Image.Image]


@dataclass
class SyncLoraOutput(BaseOutput):
    """What the pipeline returns.

    Attributes:
        frames: One edited clip, as an array in [0, 1] of shape (1, frames, height, width, 3), or
            for `output_type="pil"` a list with one list of images.

    """

    frames: np.ndarray | list[list[Image.Image]]


class SyncLoraPipeline:
    """An image-to-video model of the LTX-Video family that edits clips, with adapters by name.

    Args:
        editor: The model without an adapter, and what kind of clips it knows.

    """

    def __init__(self, editor: Editor) -> None:
        self.editor = editor
        self.adapters: dict[str, tuple[Weights, AdapterSettings]] = {}

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | Path = "lite", *, device: str = "cpu"
    ) -> "SyncLoraPipeline":
        """Load "lite", a folder in diffusers layout, or a downloaded model of the hub.

        Raises:
            ModelError: Files are missing or damaged.
            ConfigError: This machine lacks the device.

        """
        return cls(load_editor(pretrained_model_name_or_path, None, device))

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.editor.model.device

    def to(self, device: str | torch.device) -> "SyncLoraPipeline":
        """Move the model; ConfigError if this machine lacks the device."""
        check_device(str(device))
        model = self.editor.model
        model.vae.to(device)
        model.transformer.to(device)
        moved = replace(model, caption=model.caption.to(device))
        self.editor = replace(self.editor, model=moved)
        return self

    def load_lora_weights(self, source: str | Path, adapter_name: str = "default") -> None:
        """Load an adapter and use it, as the only one: "lite-adapter", a folder, file or hub name.

        Raises:
            ModelError: Files are missing or do not fit the model, or the name is taken.

        """
        if adapter_name in self.adapters:
            raise ModelError(f"an adapter named {adapter_name!r} again", "another adapter_name")
        transformer = self.editor.model.transformer
        eject(transformer)
        self.adapters[adapter_name] = read_adapter(transformer, adapter_place(source))
        self.set_adapters(adapter_name)

    def set_adapters(
        self, adapter_names: str | Sequence[str], adapter_weights: float | Sequence[float] = 1.0
    ) -> None:
        """Use one or several of the loaded adapters, each with its weight; none for an empty list.

        Raises:
            ModelError: One is not loaded, there is not a weight for each, or they look at the
                reference in different ways.

        """
        names = [adapter_names] if isinstance(adapter_names, str) else list(adapter_names)
        given = adapter_weights
        weights = [given] * len(names) if isinstance(given, int | float) else list(given)
        if missing := [name for name in names if name not in self.adapters]:
            loaded = ", ".join(self.adapters) or "none"
            raise ModelError(f"no adapter named {missing[0]!r}", f"one of those loaded: {loaded}")
        if len(weights) != len(names):
            raise ModelError(f"{len(weights)} weights for {len(names)} adapters", "one for each")
        settings = [self.adapters[name][1] for name in names]
        if len({(s.layout, s.reference_offset) for s in settings}) > 1:
            raise ModelError(
                f"the adapters {', '.join(names)} together, of different layout or offset",
                "adapters that look at the reference in one way",
            )
        transformer = self.editor.model.transformer
        eject(transformer)
        if not names:
            self.editor = replace(self.editor, adapter=None)
            return
        both = combine([self.adapters[name][0] for name in names], weights)
        layers = sorted({name.rsplit(".lora_", 1)[0] for name in both})
        rank = sum(s.rank for s in settings)
        inject(transformer, layers, rank)
        load_lora_state_dict(transformer, both)
        used = replace(settings[0], rank=rank, targets=tuple(layers))
        self.editor = replace(self.editor, adapter=used)

    def fuse_lora(self) -> None:
        """Add the adapters in use to the weights, which is faster; it cannot be undone."""
        merge(self.editor.model.transformer)
        self.adapters.clear()

    def unload_lora_weights(self) -> None:
        """Forget all adapters."""
        self.set_adapters([])
        self.adapters.clear()

    def __call__(
        self,
        video: Video,
        image: Image.Image | np.ndarray,
        *,
        num_inference_steps: int = 20,
        strength: float = 1.0,
        guidance_scale: float = 1.0,
        generator: torch.Generator | None = None,
        output_type: Literal["np", "pil"] = "np",
    ) -> SyncLoraOutput:
        """Carry the edit of the first frame through the clip.

        Without an adapter the source is not seen: the model continues the edited frame.

        Args:
            video: The source: a `Clip`, 8-bit frames (frames, height, width, 3), or images.
            image: Its first frame, edited, of the same aspect.
            num_inference_steps: Euler steps.
            strength: Noise level at which sampling begins, from a warp of the source; 1 begins
                with noise alone.
            guidance_scale: Weight s of pred + s (pred_ref - pred); 1 costs nothing extra.
            generator: Source of the noise.
            output_type: "np" or "pil".

        Raises:
            EditError: The image does not belong to the clip, or the model does not know the kind.

        """
        if not 0.05 <= strength <= 1:
            raise EditError(f"strength {strength}", "0.05 to 1")
        frames = as_frames(video)
        _, height, width, _ = frames.shape
        picture, _ = to_size(as_picture(np.asarray(image)), (height, width))
        seed = int(torch.randint(2**62, (), generator=generator))
        how = Sampling(num_inference_steps, seed, sync_guidance=guidance_scale, warm=strength)
        method = find_method("i2v" if self.editor.adapter is None else "sync-lora")
        made, _ = run_model(self.editor, method, frames, picture, how, detail="none")
        if output_type == "pil":
            return SyncLoraOutput([[Image.fromarray(frame) for frame in made]])
        return SyncLoraOutput(made[None].astype(np.float32) / 255)


def as_frames(video: Video) -> Frames:
    """Return a source's frames; EditError if they are no clip of 8-bit RGB."""
    frames: Any = video.frames if isinstance(video, Clip) else video
    if isinstance(frames, list):
        frames = np.stack([np.asarray(image.convert("RGB")) for image in frames])
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or len(frames) < 2:
        raise EditError(
            f"a video of shape {frames.shape}, {frames.dtype}",
            "8-bit RGB frames (frames, height, width, 3), at least two",
        )
    return frames
