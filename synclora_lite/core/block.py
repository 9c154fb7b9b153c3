"""One pass through the transformer: the stock model's own layers, called in a leaner order.

diffusers' `LTXVideoTransformer3DModel.forward` has no place for a reference that attends only to
itself, or for its cached keys and values, and embeds the timestep once per token. Here it is once
per latent frame. The results are equal (tests hold them to 1e-5).
"""

from functools import partial

import torch
from diffusers import LTXVideoTransformer3DModel
from diffusers.models.transformers.transformer_ltx import LTXVideoTransformerBlock
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from synclora_lite.core.attention import (
    Layout,
    ReferenceCache,
    cross_attention,
    normalise,
    rotations,
    self_attention,
)
from synclora_lite.core.flow import TIMESTEPS


def predict_velocity(
    transformer: LTXVideoTransformer3DModel,
    tokens: Float[Tensor, "batch tokens channels"],
    sigmas: Float[Tensor, "batch frames"],
    caption: Float[Tensor, "1 caption_tokens caption_channels"],
    coordinates: Float[Tensor, "3 tokens"],
    *,
    reference_tokens: int = 0,
    layout: Layout = "full",
    cache: ReferenceCache | None = None,
) -> Float[Tensor, "batch tokens channels"]:
    """Predict the velocity of every token.

    Args:
        transformer: The stock model, with or without an adapter.
        tokens: Latent pixels in frame order; the reference's frames come first, if any.
        sigmas: Noise level of each latent frame: 0 for the first frame and the reference.
        caption: The constant caption embedding.
        coordinates: `token_coordinates` of the tokens.
        reference_tokens: How many tokens at the start belong to the reference.
        layout: What the reference may look at.
        cache: From `reference_cache`: stands for the reference, which `tokens` then leaves out.

    """
    batch, frames = sigmas.shape
    x = transformer.proj_in(tokens)  # (B, S, D)
    modulation, embedded = transformer.time_embed(
        (sigmas * TIMESTEPS).flatten(), batch_size=batch, hidden_dtype=x.dtype
    )
    modulation = modulation.view(batch, frames, 6, -1)
    rotation = rotations(transformer.rope, coordinates)
    attend = partial(
        self_attention,
        rotation=rotation,
        reference_tokens=reference_tokens,
        layout=layout,
        cache=cache,
    )
    caption = transformer.caption_projection(caption)  # (1, T, D)
    for index, block in enumerate(transformer.transformer_blocks):
        step = partial(_block, block, attend=partial(attend, block=index))
        if transformer.gradient_checkpointing and torch.is_grad_enabled():
            x = checkpoint(step, x, modulation, caption, use_reentrant=False)
        else:
            x = step(x, modulation, caption)
    shift, scale = transformer.scale_shift_table[:, None, None] + embedded.view(batch, frames, -1)
    return transformer.proj_out(_modulate(transformer.norm_out(x), shift, scale))


def reference_cache(
    transformer: LTXVideoTransformer3DModel,
    tokens: Float[Tensor, "batch tokens channels"],
    caption: Float[Tensor, "1 caption_tokens caption_channels"],
    coordinates: Float[Tensor, "3 tokens"],
) -> ReferenceCache:
    """Return the reference's keys and values, which every sampling step can share.

    They are exact for the layout "reference-self" and do not exist for "full".
    """
    cache = ReferenceCache()
    clean = tokens.new_zeros(len(tokens), 1)
    predict_velocity(transformer, tokens, clean, caption, coordinates, cache=cache)
    return cache


def _block(
    block: LTXVideoTransformerBlock,
    x: Float[Tensor, "batch tokens dim"],
    modulation: Float[Tensor, "batch frames 6 dim"],
    caption: Float[Tensor, "1 caption_tokens dim"],
    *,
    attend: "partial[Tensor]",
) -> Float[Tensor, "batch tokens dim"]:
    """Self-attention, cross-attention and feed-forward, each beside a residual connection."""
    shift_a, scale_a, gate_a, shift_f, scale_f, gate_f = (
        block.scale_shift_table + modulation
    ).unbind(2)
    attended = attend(block.attn1, _modulate(normalise(block.norm1, x), shift_a, scale_a))
    x = _gated_sum(x, attended, gate_a)
    x = x + cross_attention(block.attn2, x, caption)
    return _gated_sum(x, block.ff(_modulate(normalise(block.norm2, x), shift_f, scale_f)), gate_f)


def _modulate(
    x: Float[Tensor, "batch tokens dim"],
    shift: Float[Tensor, "batch frames dim"],
    scale: Float[Tensor, "batch frames dim"],
) -> Float[Tensor, "batch tokens dim"]:
    framed = x.unflatten(1, (shift.shape[1], -1))  # (B, F, tokens per frame, D)
    return torch.addcmul(shift[:, :, None], framed, 1 + scale[:, :, None]).flatten(1, 2)


def _gated_sum(
    x: Float[Tensor, "batch tokens dim"],
    update: Float[Tensor, "batch tokens dim"],
    gate: Float[Tensor, "batch frames dim"],
) -> Float[Tensor, "batch tokens dim"]:
    framed = update.unflatten(1, (gate.shape[1], -1))
    return x + (framed * gate[:, :, None]).flatten(1, 2)
