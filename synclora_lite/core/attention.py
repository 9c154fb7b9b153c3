"""The two attentions of an LTX block, exact and fast, and what the reference may attend to."""

from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from diffusers.models.normalization import RMSNorm
from diffusers.models.transformers.transformer_ltx import LTXAttention
from jaxtyping import Bool, Complex, Float
from torch import Tensor

from synclora_lite.core.positions import rotate

Layout = Literal["full", "reference-self"]
"""Either all tokens attend to all, or the reference attends to itself only (the target to all).

Reference tokens that see only themselves, at timestep 0, are the same at every sampling step.
"""
WRITTEN_OUT = 2048  # up to so many keys a CPU trains faster without the fused kernel


@dataclass(frozen=True)
class ReferenceCache:
    """Keys and values of the reference tokens, block by block."""

    keys: list[Float[Tensor, "batch heads tokens head_dim"]] = field(default_factory=list)
    values: list[Float[Tensor, "batch heads tokens head_dim"]] = field(default_factory=list)

    def update(
        self,
        k: Float[Tensor, "batch heads tokens head_dim"],
        v: Float[Tensor, "batch heads tokens head_dim"],
        layer: int,
    ) -> tuple[
        Float[Tensor, "batch heads all_tokens head_dim"],
        Float[Tensor, "batch heads all_tokens head_dim"],
    ]:
        """In the first pass keep a block's keys and values; later put the kept ones before them."""
        if len(self.keys) > layer:
            return torch.cat([self.keys[layer], k], 2), torch.cat([self.values[layer], v], 2)
        self.keys.append(k)
        self.values.append(v)
        return k, v


def attention_mask(
    reference_tokens: int, target_tokens: int, layout: Layout
) -> Bool[Tensor, "tokens tokens"]:
    """Return which token (row) may attend to which (column), the reference first.

    `self_attention` needs no mask: it computes the two groups of rows one after the other.
    """
    tokens = reference_tokens + target_tokens
    mask = torch.ones(tokens, tokens, dtype=torch.bool)
    if layout == "reference-self":
        mask[:reference_tokens, reference_tokens:] = False
    return mask


def self_attention(
    attn: LTXAttention,
    x: Float[Tensor, "batch tokens dim"],
    rotation: Complex[Tensor, "tokens half_dim"],
    *,
    reference_tokens: int = 0,
    layout: Layout = "full",
    cache: ReferenceCache | None = None,
    layer: int = 0,
) -> Float[Tensor, "batch tokens dim"]:
    """Attend among tokens, of which the first `reference_tokens` are the reference.

    With a filled cache, `x` is the target alone and the reference comes from the cache.
    """
    v = split_heads(attn.to_v(x), attn.heads)  # (B, H, S, d)
    q = split_heads(rotate(rms_norm(attn.norm_q, attn.to_q(x)), rotation), attn.heads).to(v.dtype)
    k = split_heads(rotate(rms_norm(attn.norm_k, attn.to_k(x)), rotation), attn.heads).to(v.dtype)
    if cache is not None:
        k, v = cache.update(k, v, layer)
    if layout == "reference-self" and reference_tokens:
        parts = [reference_tokens, x.shape[1] - reference_tokens]  # R, T
        q_reference, q_target = q.split(parts, dim=2)
        k_reference, v_reference = k.split(parts, dim=2)[0], v.split(parts, dim=2)[0]
        own = attend(q_reference, k_reference, v_reference)  # (B, H, R, d)
        out = torch.cat([own, attend(q_target, k, v)], dim=2)  # (B, H, R + T, d)
    else:
        out = attend(q, k, v)
    return attn.to_out[0](out.transpose(1, 2).flatten(2))


def attend(
    q: Float[Tensor, "batch heads queries head_dim"],
    k: Float[Tensor, "batch heads keys head_dim"],
    v: Float[Tensor, "batch heads keys head_dim"],
) -> Float[Tensor, "batch heads queries head_dim"]:
    """Return softmax(q k^T / sqrt(d)) v.

    Where a gradient is needed on a CPU, for the few hundred tokens of a small clip, it is written
    out: PyTorch's fused kernel is up to five times as slow backward (bfloat16, 180 tokens).
    """
    if q.device.type != "cpu" or not q.requires_grad or k.shape[2] > WRITTEN_OUT:
        return F.scaled_dot_product_attention(q, k, v)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)  # (B, H, Q, K)
    return torch.softmax(scores, dim=-1) @ v


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
    caption = caption.expand(len(x), -1, -1)
    q = split_heads(rms_norm(attn.norm_q, attn.to_q(x)), attn.heads)
    k = split_heads(rms_norm(attn.norm_k, attn.to_k(caption)), attn.heads)
    v = split_heads(attn.to_v(caption), attn.heads)
    return attn.to_out[0](attend(q.to(v.dtype), k.to(v.dtype), v).transpose(1, 2).flatten(2))


def rms_norm(
    norm: torch.nn.RMSNorm | RMSNorm, x: Float[Tensor, "batch tokens dim"]
) -> Float[Tensor, "batch tokens dim"]:
    """Return x / sqrt(mean(x^2) + eps), times the weight if `norm` has one, by PyTorch's kernel.

    It keeps the input for the backward pass and one number per token. The stock class of diffusers
    keeps a float32 copy of every token: three gigabytes at the size of LTX-Video 2B.
    """
    weight = norm.weight
    x = x if weight is None else x.to(weight.dtype)
    return F.rms_norm(x, x.shape[-1:], weight, norm.eps)


def split_heads(
    x: Float[Tensor, "batch tokens dim"], heads: int
) -> Float[Tensor, "batch {heads} tokens head_dim"]:
    """Give each attention head its share of the channels."""
    return x.unflatten(2, (heads, -1)).transpose(1, 2)
