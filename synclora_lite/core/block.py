"""One transformer block spelled out, and the pass through all blocks that predicts the velocity.

The weights are those of diffusers' `LTXVideoTransformer3DModel`. Its `forward` has no place for a
reference that attends only to itself, or for its cached keys and values, and embeds the timestep
once per token; here it is once per latent frame. The results are equal (tests hold them to 1e-5).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import LTXVideoTransformer3DModel
from diffusers.models.transformers.transformer_ltx import LTXVideoTransformerBlock
from jaxtyping import Complex, Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from synclora_lite.core.attention import (
    Layout,
    ReferenceCache,
    cross_attention,
    rms_norm,
    self_attention,
)
from synclora_lite.core.flow import TIMESTEPS
from synclora_lite.core.positions import rotations


def transformer_block(
    block: LTXVideoTransformerBlock,
    x: Float[Tensor, "batch tokens dim"],
    modulation: Float[Tensor, "batch frames 6 dim"],
    caption: Float[Tensor, "1 caption_tokens dim"],
    rotation: Complex[Tensor, "tokens half_dim"],
    **attention: Any,
) -> Float[Tensor, "batch tokens dim"]:
    """Self-attention, attention to the caption and feed-forward, each beside a residual connection.

    Args:
        block: The stock block, whose weights are used.
        x: Hidden states, frame by frame.
        modulation: Shift, scale and gate of each latent frame, from its noise level.
        caption: The projected caption.
        rotation: `rotations` of the tokens' coordinates.
        attention: Options of `self_attention`.

    """
    # adaLN-single (PixArt-alpha, arXiv 2310.00426): a table of the block plus the timestep's values
    shift_a, scale_a, gate_a, shift_f, scale_f, gate_f = (
        block.scale_shift_table + modulation
    ).unbind(2)  # (B, F, D) each
    # 1. x <- x + gate_a * attention(norm(x) (1 + scale_a) + shift_a)
    h = modulate(rms_norm(block.norm1, x), shift_a, scale_a)
    x = gated_sum(x, self_attention(block.attn1, h, rotation, **attention), gate_a)
    # 2. x <- x + attention to the caption; no gate and no norm before it
    x = x + cross_attention(block.attn2, x, caption)
    # 3. x <- x + gate_f * W_2 gelu(W_1 (norm(x) (1 + scale_f) + shift_f))
    h = modulate(rms_norm(block.norm2, x), shift_f, scale_f)
    widen, narrow = block.ff.net[0].proj, block.ff.net[2]  # D -> 4 D -> D
    return gated_sum(x, narrow(F.gelu(widen(h), approximate="tanh")), gate_f)


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
    """Predict the velocity of every token, in the number format of the weights.

    `tokens` are in frame order, the reference's (the first `reference_tokens`) before the rest;
    `sigmas` are 0 for the first frame and the reference. `layout` says what the reference may
    attend to; a `cache` from `reference_cache` stands for it, and `tokens` leaves it out.
    """
    batch, frames = sigmas.shape
    dtype = transformer.scale_shift_table.dtype
    given, preconditioning = tokens, getattr(transformer, "preconditioning", None)
    if preconditioning is not None:  # of the lite model alone: see models/transformer.py
        levels = sigmas.repeat_interleave(tokens.shape[1] // frames, dim=1)[..., None]  # (B, S, 1)
        c_in, c_skip, c_out = preconditioning(levels)
        given = c_in * tokens
    x = transformer.proj_in(given.to(dtype))  # (B, S, D)
    modulation, embedded = transformer.time_embed(
        (sigmas * TIMESTEPS).flatten(), batch_size=batch, hidden_dtype=dtype
    )
    modulation = modulation.view(batch, frames, 6, -1)  # per latent frame, not per token
    rotation = rotations(coordinates, x.shape[-1])  # (S, D/2)
    caption = transformer.caption_projection(caption.to(dtype))  # (1, T, D)
    attention = {"reference_tokens": reference_tokens, "layout": layout, "cache": cache}
    x = through_blocks(transformer, x, modulation, caption, rotation, **attention)
    shift, scale = (transformer.scale_shift_table + embedded.view(batch, frames, 1, -1)).unbind(2)
    out = transformer.proj_out(modulate(transformer.norm_out(x), shift, scale))  # (B, S, C)
    return out if preconditioning is None else c_skip * tokens + c_out * out.float()


def through_blocks(
    transformer: LTXVideoTransformer3DModel, x: Tensor, *given: Tensor, **attention: Any
) -> Float[Tensor, "batch tokens dim"]:
    """Run all blocks; with gradient checkpointing their activations are computed again later."""
    for index, block in enumerate(transformer.transformer_blocks):
        step: Callable[..., Tensor] = partial(transformer_block, block, **attention, layer=index)
        if transformer.gradient_checkpointing and torch.is_grad_enabled():
            x = checkpoint(step, x, *given, use_reentrant=False)
        else:
            x = step(x, *given)
    return x


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
    clean = coordinates.new_zeros(len(tokens), 1)  # one "frame" of all tokens, at timestep 0
    predict_velocity(transformer, tokens, clean, caption, coordinates, cache=cache)
    return cache


def modulate(
    x: Float[Tensor, "batch tokens dim"],
    shift: Float[Tensor, "batch frames dim"],
    scale: Float[Tensor, "batch frames dim"],
) -> Float[Tensor, "batch tokens dim"]:
    """Return x (1 + scale) + shift, with one scale and shift for all tokens of a frame."""
    framed = x.unflatten(1, (shift.shape[1], -1))  # (B, F, tokens per frame, D)
    return torch.addcmul(shift[:, :, None], framed, 1 + scale[:, :, None]).flatten(1, 2)


def gated_sum(
    x: Float[Tensor, "batch tokens dim"],
    update: Float[Tensor, "batch tokens dim"],
    gate: Float[Tensor, "batch frames dim"],
) -> Float[Tensor, "batch tokens dim"]:
    """Return x + gate * update, with one gate for all tokens of a frame."""
    framed = update.unflatten(1, (gate.shape[1], -1))  # (B, F, tokens per frame, D)
    return x + (framed * gate[:, :, None]).flatten(1, 2)
