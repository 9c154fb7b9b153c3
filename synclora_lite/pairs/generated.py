"""The paper's way to make pairs: one image-to-video run over two panels side by side."""

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import UInt8

from synclora_lite.models import I2VModel, check_size, decode, denoise, encode, load_model
from synclora_lite.models.latents import to_frames, to_model_range
from synclora_lite.pairs.building import Builder, Drawn
from synclora_lite.pairs.folder import Frames
from synclora_lite.portraits import edit_case, render_batch

Panels = UInt8[np.ndarray, "2 height width 3"]  # source and edited
_loaded = cache(load_model)  # once in every process


@dataclass(frozen=True)
class Generated(Builder):
    """Two panels side by side, animated in one run of the model, then split (arXiv 2512.03013).

    The halves move alike because one model saw both, but not always: these pairs need the filter.
    """

    name: ClassVar[str] = "generated"
    model: str = "lite"  # or a folder, see `load_model`
    frames: int = 17  # of each clip
    size: int = 96  # of each panel, in pixels
    steps: int = 20  # of the sampler

    def settings(self) -> dict[str, Any]:
        """Return the settings and a fingerprint of the weights."""
        return super().settings() | {"weights": fingerprint(_loaded(self.model))}

    def draw(self, seed: int, kind: str) -> Drawn:
        """Render the first frame of a source and of its edit, and let the model animate both."""
        case = edit_case(seed, kind, 1)
        panels = render_batch([case.source, case.edited], [case.motion] * 2, self.size)[:, 0]
        model, generator = _loaded(self.model), torch.Generator().manual_seed(seed)
        clips = animate_panels(model, panels.numpy(), self.frames, self.steps, generator)
        return Drawn(*clips, model.frame_rate)


@torch.no_grad()
def animate_panels(
    model: I2VModel, panels: Panels, frames: int, steps: int, generator: torch.Generator
) -> tuple[Frames, Frames]:
    """Generate both halves of a pair in one run; ModelError if the model cannot make the size."""
    height, width = panels.shape[1:3]
    check_size(model.vae, frames, height, width)
    wide = torch.from_numpy(np.concatenate(panels, axis=1))[None, None]
    first = encode(model, to_model_range(wide.to(model.device))).to(model.transformer.dtype)
    latent_frames = (frames - 1) // model.temporal_ratio + 1
    shape = (1, first.shape[1], latent_frames, *first.shape[3:])
    noise = torch.randn(shape, generator=generator).to(model.device)
    video = decode(model, denoise(model, first, noise, steps=steps))
    clip = to_frames(video)[0].cpu().numpy()  # (frames, height, 2 width, 3)
    return clip[:, :, :width], clip[:, :, width:]


def fingerprint(model: I2VModel) -> str:
    """Return twelve hexadecimal digits that tell these weights from others."""
    digest = hashlib.sha256()
    for part in (model.vae, model.transformer):
        for tensor in part.state_dict().values():
            digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:12]
