"""Where each token lies in time and space: the coordinates behind the rotary embedding."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Positions = Literal["causal", "uniform"]


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
    offset_columns: int = 0,
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
        offset_columns: Latent columns by which the clip is moved to the right: a reference beside
            the target, as the second panel of a two-panel clip, instead of on top of it.

    """
    grid = torch.meshgrid(
        latent_frame_starts(frames, temporal_ratio, positions) / frame_rate,
        torch.arange(height, dtype=torch.float32) * spatial_ratio,
        (torch.arange(width, dtype=torch.float32) + offset_columns) * spatial_ratio,
        indexing="ij",
    )
    return torch.stack(grid).flatten(1)
