"""The two attentions of an LTX block, exact and fast, and what the reference may look at."""

from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from diffusers.models.normalization import RMSNorm
from diffusers.models.transformers.transformer_ltx import LTXAttention, LTXVideoRotaryPosEmbed
from jaxtyping import Complex, Float
from torch import Tensor

Layout = Literal["full", "reference-self"]
"""Either all tokens see each other, or the reference sees only itself (and the target sees all).

Reference tokens that see only themselves, at timestep 0, are the same at every sampling step.
"""


@dataclass(frozen=True)
class ReferenceCache:
    """Keys and values of the reference tokens, block by block: (batch, heads, tokens, head_dim)."""

    keys: list[Float[Tensor, "batch heads tokens head_dim"]] = field(default_factory=list)
    values: list[Float[Tensor, "batch heads tokens head_dim"]] = field(default_factory=list)


def rotations(
    rope: LTXVideoRotaryPosEmbed, coordinates: Float[Tensor, "3 tokens"]
) -> Complex[Tensor, "1 tokens half_dim"]:
    """Return the rotary embedding as complex numbers of length one."""
    cosine, sine = rope(coordinates, video_coords=coordinates[None])
    return torch.complex(cosine[..., ::2], sine[..., ::2])


def rotate(
    x: Float[Tensor, "batch tokens dim"], rotation: Complex[Tensor, "1 tokens half_dim"]
) -> Float[Tensor, "batch tokens dim"]:
    """Turn each pair of channels by its angle, in float32 as the stock model does."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * rotation).flatten(-2).to(x.dtype)


def self_attention(
    attn: LTXAttention,
    x: Float[Tensor, "batch tokens dim"],
    rotation: Complex[Tensor, "1 tokens half_dim"],
    *,
    reference_tokens: int = 0,
    layout: Layout = "full",
    cache: ReferenceCache | None = None,
    block: int = 0,
) -> Float[Tensor, "batch tokens dim"]:
    """Attend among tokens, of which the first `reference_tokens` are the reference.

    With the layout "reference-self" the two parts are attended one after the other, which needs
    no mask. A cache that holds this block's entry replaces the reference; one that does not is
    filled from `x`, which must then be the reference alone.
    """
    x = _once(x)
    v = _heads(attn, attn.to_v(x))
    q = _heads(attn, rotate(normalise(attn.norm_q, attn.to_q(x)), rotation)).to(v.dtype)
    k = _heads(attn, rotate(normalise(attn.norm_k, attn.to_k(x)), rotation)).to(v.dtype)
    if cache is not None and len(cache.keys) > block:
        k = torch.cat([cache.keys[block], k], dim=2)
        v = torch.cat([cache.values[block], v], dim=2)
    elif cache is not None:
        cache.keys.append(k)
        cache.values.append(v)
    if layout == "reference-self" and reference_tokens:
        r = reference_tokens
        own = attend(q[:, :, :r], k[:, :, :r], v[:, :, :r])
        out = torch.cat([own, attend(q[:, :, r:], k, v)], dim=2)
    else:
        out = attend(q, k, v)
    return attn.to_out[0](out.transpose(1, 2).flatten(2))


def attend(
    q: Float[Tensor, "batch heads queries head_dim"],
    k: Float[Tensor, "batch heads keys head_dim"],
    v: Float[Tensor, "batch heads keys head_dim"],
) -> Float[Tensor, "batch heads queries head_dim"]:
    """Return softmax(q k^T / sqrt(d)) v.

    For bfloat16 on a CPU it is written out: three times as fast, forward and backward, as
    PyTorch's fused kernel, at the few hundred tokens of a small clip.
    """
    if q.device.type != "cpu" or v.dtype != torch.bfloat16:
        return F.scaled_dot_product_attention(q, k, v)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    return torch.softmax(scores.float(), dim=-1).to(v.dtype) @ v


def cross_attention(
    attn: LTXAttention,
    x: Float[Tensor, "batch tokens dim"],
    caption: Float[Tensor, "one_or_batch caption_tokens dim"],
) -> Float[Tensor, "batch_or_one tokens_or_one dim"]:
    """Attend to the caption; with a caption of one token there is nothing to choose.

    A softmax over one entry is 1, so the result is that token's value whatever the query.
    """
    if caption.shape[1] == 1:
        return attn.to_out[0](attn.to_v(caption))
    return attn(x, encoder_hidden_states=caption.expand(len(x), -1, -1))


def _once(x: Float[Tensor, "batch tokens dim"]) -> Float[Tensor, "batch tokens dim"]:
    """Convert `x` once for three layers, each of which would do it by itself under autocast."""
    kind = x.device.type
    if kind == "meta" or not torch.is_autocast_enabled(kind):
        return x
    return x.to(torch.get_autocast_dtype(kind))


def normalise(
    norm: torch.nn.RMSNorm | RMSNorm, x: Float[Tensor, "batch tokens dim"]
) -> Float[Tensor, "batch tokens dim"]:
    """Apply `norm` by PyTorch's kernel, in the precision of its weights.

    Autocast on a GPU, and the stock class of diffusers, would keep a float32 copy of every token
    for the backward pass: three gigabytes at the size of LTX-Video 2B.
    """
    if norm.weight is not None:
        x = x.to(norm.weight.dtype)
    kind = x.device.type
    if kind == "meta" or not torch.is_autocast_enabled(kind):
        return F.rms_norm(x, x.shape[-1:], norm.weight, norm.eps)
    with torch.autocast(kind, enabled=False):
        return F.rms_norm(x, x.shape[-1:], norm.weight, norm.eps)


def _heads(
    attn: LTXAttention, x: Float[Tensor, "batch tokens dim"]
) -> Float[Tensor, "batch heads tokens head_dim"]:
    return x.unflatten(2, (attn.heads, -1)).transpose(1, 2)
