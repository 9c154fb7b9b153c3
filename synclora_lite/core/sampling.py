"""Sampling: Euler steps along the flow, from noise to a clip that starts with a given frame."""

from collections.abc import Callable
from itertools import pairwise

import torch
from diffusers import LTXVideoTransformer3DModel
from jaxtyping import Float
from torch import Tensor

from synclora_lite.core.attention import ReferenceCache
from synclora_lite.core.block import predict_velocity, reference_cache
from synclora_lite.core.sequence import (
    Conditioning,
    Latents,
    frame_sigmas,
    pack,
    unpack,
    with_reference,
)


@torch.no_grad()
def sample(
    transformer: LTXVideoTransformer3DModel,
    first_frame: Float[Tensor, "batch channels 1 height width"],
    noise: Latents,
    sigmas: Float[Tensor, " levels"],
    conditioning: Conditioning,
    *,
    guidance: float = 1.0,
    cached: bool = True,
    watch: Callable[[Latents], None] | None = None,
) -> Latents:
    """Generate latents whose first frame is given, with or without a reference clip.

    The first frame and the reference stay clean, at timestep 0; the rest starts as noise. Without
    a reference this is what the stock LTX pipelines do.

    Args:
        transformer: The model, with its adapter if there is a reference.
        first_frame: Normalised latents of the (edited) first frame.
        noise: Of the size of the clip (or, for sigmas that begin below 1, a noisy clip).
        sigmas: Falling noise levels, the last one 0; see `inference_sigmas`.
        conditioning: Caption, positions and reference.
        guidance: Weight s of pred + s (pred_ref - pred); 1 costs nothing extra.
        cached: Compute the reference's keys and values once (layout "reference-self" only).
        watch: Shown, at every step, the clean latents that are predicted, without frame 0.

    """
    _, _, frames, height, width = noise.shape
    x = pack(torch.cat([first_frame, noise[:, :, 1:]], dim=2)).float()  # steps add up in float32
    cache = None
    if cached and guidance and conditioning.reference is not None:
        cache = cache_of(transformer, conditioning)
    given = height * width  # tokens of the first frame
    for sigma, following in pairwise(sigmas.tolist()):
        velocity = guided_velocity(transformer, x, sigma, conditioning, frames, guidance, cache)
        velocity = velocity[:, given:].float()
        if watch is not None:  # x_0 = x - sigma v
            watch(unpack(x[:, given:] - sigma * velocity, frames - 1, height, width))
        x[:, given:] += (following - sigma) * velocity  # Euler: dx = v d sigma
    return unpack(x, frames, height, width)


def guided_velocity(
    transformer: LTXVideoTransformer3DModel,
    x: Float[Tensor, "batch tokens channels"],
    sigma: float,
    conditioning: Conditioning,
    frames: int,
    guidance: float = 1.0,
    cache: ReferenceCache | None = None,
) -> Float[Tensor, "batch tokens channels"]:
    """Return pred + s (pred_ref - pred): the target's velocity, guided by the reference."""
    if conditioning.reference is None or guidance == 0:
        return target_velocity(transformer, x, sigma, conditioning, frames, use_reference=False)
    referred = target_velocity(transformer, x, sigma, conditioning, frames, cache=cache)
    if guidance == 1:
        return referred
    plain = target_velocity(transformer, x, sigma, conditioning, frames, use_reference=False)
    return torch.lerp(plain, referred, guidance)


def target_velocity(
    transformer: LTXVideoTransformer3DModel,
    x: Float[Tensor, "batch tokens channels"],
    sigma: float,
    conditioning: Conditioning,
    frames: int,
    *,
    cache: ReferenceCache | None = None,
    use_reference: bool = True,
) -> Float[Tensor, "batch tokens channels"]:
    """Predict the velocity of the target's tokens, whose first frame is clean."""
    tokens, coordinates = x, conditioning.coordinates
    sigmas = frame_sigmas(x.new_full((len(x),), sigma), frames)  # (B, F)
    if use_reference and cache is None:
        tokens, sigmas, coordinates = with_reference(x, sigmas, conditioning)
    reference_tokens = tokens.shape[1] - x.shape[1]
    return predict_velocity(
        transformer,
        tokens,
        sigmas,
        conditioning.caption,
        coordinates,
        reference_tokens=reference_tokens,
        layout=conditioning.layout,
        cache=cache,
    )[:, reference_tokens:]


def cache_of(
    transformer: LTXVideoTransformer3DModel, conditioning: Conditioning
) -> ReferenceCache | None:
    """Return the keys and values of the reference, or None for a layout in which they change."""
    reference, place = conditioning.reference, conditioning.coordinates
    if reference is None or conditioning.layout == "full":
        return None
    return reference_cache(transformer, pack(reference), conditioning.caption, place)
