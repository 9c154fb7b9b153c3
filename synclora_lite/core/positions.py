"""Where each token lies in time and space, and the rotary embedding that tells the model."""

import math
from typing import Literal

import torch
from jaxtyping import Complex, Float
from torch import Tensor

Positions = Literal["causal", "uniform"]

SPAN = (20.0, 2048.0, 2048.0)  # seconds, rows and columns of pixels that LTX maps to [-1, 1]
THETA = 10_000.0  # ratio of the highest to the lowest frequency


def latent_frame_starts(
    frames: int, temporal_ratio: int, positions: Positions = "causal"
) -> Float[Tensor, " frames"]:
    """Return the pixel frame at which each latent frame starts.

    The LTX autoencoder turns pixel frame 0 into latent frame 0, and every further `temporal_ratio`
    pixel frames into one more: latent frame k > 0 starts at r(k-1)+1. That is "causal", as in
    diffusers' `LTXConditionPipeline` and the LTX-2 pipelines. The older `LTXImageToVideoPipeline`
    places it at r*k: "uniform". A model must be used with the positions it was trained with.
    """
    starts = torch.arange(frames, dtype=torch.float32) * temporal_ratio
    return starts if positions == "uniform" else (starts + 1 - temporal_ratio).clamp(min=0)


def token_coordinates(
    frames: int,
    height: int,
    width: int,
    *,
    spatial_ratio: int,
    temporal_ratio: int,
    frame_rate: float,
    positions: Positions = "causal",
) -> Float[Tensor, "3 tokens"]:
    """Return time in seconds, and y and x in pixels, of every token, frame by frame, row by row.

    Args:
        frames: Latent frames.
        height: Latent rows.
        width: Latent columns.
        spatial_ratio: Pixels per latent row or column.
        temporal_ratio: Pixel frames per latent frame.
        frame_rate: Frames per second of the clip.
        positions: Convention for the start of a latent frame.

    """
    grid = torch.meshgrid(
        latent_frame_starts(frames, temporal_ratio, positions) / frame_rate,
        torch.arange(height, dtype=torch.float32) * spatial_ratio,
        torch.arange(width, dtype=torch.float32) * spatial_ratio,
        indexing="ij",
    )
    return torch.stack(grid).flatten(1)  # (3, F H W)


def rotations(
    coordinates: Float[Tensor, "3 tokens"], dim: int
) -> Complex[Tensor, "tokens half_dim"]:
    """Return the rotary embedding: one complex number of length 1 for each pair of channels.

    Pair j of a token at position p in [-1, 1] turns by the angle  p (pi/2) theta^(j / (n-1)).
    The pairs belong to t, y, x, t, y, x, ... with n = dim // 6 frequencies each; the dim % 6
    channels that are left stand still, in front. Su et al. 2021 (arXiv 2104.09864), in three axes
    as in `LTXVideoRotaryPosEmbed` of diffusers.
    """
    span = torch.tensor(SPAN, device=coordinates.device)
    place = 2 * coordinates / span[:, None] - 1  # (3, S)
    exponents = torch.linspace(0, 1, dim // 6, device=coordinates.device)
    frequencies = THETA**exponents * math.pi / 2  # in this order: angles reach 15,708 in float32
    angles = frequencies * place[..., None]  # (3, S, dim/6)
    angles = angles.permute(1, 2, 0).flatten(1)  # (S, dim/2), axes in turn
    still = angles.new_zeros(len(angles), dim // 2 - angles.shape[1])
    angles = torch.cat([still, angles], dim=1)
    return torch.polar(torch.ones_like(angles), angles)


def rotate(
    x: Float[Tensor, "batch tokens dim"], rotation: Complex[Tensor, "tokens half_dim"]
) -> Float[Tensor, "batch tokens dim"]:
    """Turn each pair of channels by its angle, in float32 as the stock model does."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))  # (B, S, dim/2)
    return torch.view_as_real(pairs * rotation).flatten(-2).to(x.dtype)
