"""Sampling: Euler steps along the flow, from noise to a clip that starts with a given frame."""

from collections.abc import Callable
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm

from synclora_lite.core.attention import Layout, ReferenceCache
from synclora_lite.core.flow import inference_sigmas
from synclora_lite.i2v.latents import pack, unpack
from synclora_lite.i2v.model import I2VModel
from synclora_lite.core.block import predict_velocity, reference_cache

Latents = Float[Tensor, "batch channels frames height width"]


@torch.no_grad()
def denoise(
    model: I2VModel,
    first_frame: Float[Tensor, "batch channels 1 height width"],
    frames: int | None = None,
    *,
    reference: Latents | None = None,
    reference_offset: int = 0,
    reference_guidance: float = 1.0,
    layout: Layout = "reference-self",
    cached: bool = True,
    steps: int = 20,
    sigmas: Float[Tensor, " levels"] | None = None,
    generator: torch.Generator | None = None,
    noise: Latents | None = None,
    adjust: Callable[[Latents], Latents] | None = None,
    progress: bool = False,
) -> Latents:
    """Generate latents whose first frame is given, with or without a reference clip.

    The first frame and the reference stay clean, at timestep 0; the rest starts as noise. Without
    a reference this is what the stock LTX pipelines do. Two-panel generation is the same on a
    first frame twice as wide.

    Args:
        model: The model, with its adapter if there is a reference.
        first_frame: Normalised latents of the (edited) first frame.
        frames: Latent frames to make; the reference's number if left out.
        reference: Normalised latents of the source clip, the same size as the output.
        reference_offset: Latent columns between target and reference; 0 shares the positions.
        reference_guidance: Weight s of pred + s (pred_ref - pred); 1 costs nothing extra.
        layout: What the reference may look at; as the adapter was trained.
        cached: Compute the reference's keys and values once (layout "reference-self" only).
        steps: Euler steps.
        sigmas: Noise levels, falling to 0, to use instead of the scheduler's.
        generator: Source of the noise, if `noise` is not given.
        noise: Start from this instead.
        adjust: Corrects, at every step, the clean latents that are predicted, frame 0 left out.
        progress: Show a progress bar.

    Returns:
        Normalised latents of the whole clip, first frame included.

    """
    batch, channels, _, height, width = first_frame.shape
    frames = frames or (reference.shape[2] if reference is not None else 1)
    if noise is None:
        shape = (batch, channels, frames, height, width)
        noise = torch.randn(shape, generator=generator).to(first_frame.device)
    x = pack(torch.cat([first_frame, noise[:, :, 1:]], dim=2)).float()  # steps add up in float32
    seen = reference if reference_guidance else None
    field = _Field(model, (frames, height, width), seen, reference_offset, layout, cached)
    if sigmas is None:
        sigmas = inference_sigmas(model.scheduler, steps, x.shape[1])
    fixed = height * width  # tokens of the first frame
    for sigma, following in tqdm(list(pairwise(sigmas)), disable=not progress, desc="sampling"):
        velocity = field.guided(x, sigma, reference_guidance)[:, fixed:]
        if adjust is not None:
            clean = unpack(x[:, fixed:] - sigma * velocity, frames - 1, height, width)
            velocity = (x[:, fixed:] - pack(adjust(clean))) / sigma
        x[:, fixed:] += (following - sigma) * velocity
    return unpack(x, frames, height, width)


class _Field:
    """The velocity field of one clip, with what stays the same over the steps."""

    def __init__(
        self,
        model: I2VModel,
        size: tuple[int, int, int],
        reference: Latents | None,
        offset: int,
        layout: Layout,
        cached: bool,
    ) -> None:
        self.model, self.size, self.layout = model, size, layout
        self.coordinates = model.coordinates(*size)
        self.reference: Tensor | None = None
        self.cache: ReferenceCache | None = None
        if reference is None:
            return
        tokens = pack(reference).to(model.caption.dtype)
        _, _, frames, height, width = reference.shape
        coordinates = model.coordinates(frames, height, width, offset)
        if cached and layout == "reference-self":
            self.cache = reference_cache(model.transformer, tokens, model.caption, coordinates)
        else:
            self.reference = tokens
            self.joint = torch.cat([coordinates, self.coordinates], dim=1)
            self.reference_frames = frames

    def guided(self, x: Tensor, sigma: Tensor, weight: float) -> Tensor:
        """Predict with the reference, pushed away from the prediction without it if asked."""
        has_reference = self.cache is not None or self.reference is not None
        if not has_reference or weight == 0:
            return self._plain(x, sigma)
        velocity = self._referred(x, sigma)
        if weight == 1:
            return velocity
        return torch.lerp(self._plain(x, sigma), velocity, weight)

    def _plain(self, x: Tensor, sigma: Tensor, cache: ReferenceCache | None = None) -> Tensor:
        model = self.model
        x = x.to(model.caption.dtype)
        sigmas = sigma.to(x.device).float().repeat(len(x), self.size[0])
        sigmas[:, 0] = 0
        return predict_velocity(
            model.transformer, x, sigmas, model.caption, self.coordinates, cache=cache
        )

    def _referred(self, x: Tensor, sigma: Tensor) -> Tensor:
        if self.reference is None:
            return self._plain(x, sigma, self.cache)
        x = x.to(self.reference.dtype)
        sigmas = sigma.to(x.device).float().repeat(len(x), self.reference_frames + self.size[0])
        sigmas[:, : self.reference_frames + 1] = 0
        length = self.reference.shape[1]
        velocity = predict_velocity(
            self.model.transformer,
            torch.cat([self.reference, x], dim=1),
            sigmas,
            self.model.caption,
            self.joint,
            reference_tokens=length,
            layout=self.layout,
        )
        return velocity[:, length:]
