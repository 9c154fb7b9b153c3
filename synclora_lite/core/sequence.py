"""Reference and target in one sequence: tokens, timesteps, positions, and what is learned.

The reference comes first, clean and at timestep 0. The target follows, noisy except for its first
frame, which is given. Only the noisy tokens are in the loss. Without a reference the same sequence
trains the plain image-to-video model.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from synclora_lite.core.attention import Layout
from synclora_lite.core.flow import add_noise, velocity_target

Latents = Float[Tensor, "batch channels frames height width"]


def pack(
    latents: Float[Tensor, "batch channels frames height width"],
) -> Float[Tensor, "batch tokens channels"]:
    """Make every latent pixel a token: frame by frame, row by row."""
    return latents.flatten(2).transpose(1, 2)


def unpack(
    tokens: Float[Tensor, "batch tokens channels"], frames: int, height: int, width: int
) -> Float[Tensor, "batch channels {frames} {height} {width}"]:
    """Undo `pack`."""
    return tokens.transpose(1, 2).unflatten(2, (frames, height, width))


@dataclass(frozen=True)
class Conditioning:
    """What the transformer is told about a clip besides its noisy latents.

    Attributes:
        caption: The constant caption embedding.
        coordinates: `token_coordinates` of the target's tokens, and of the reference's.
        reference: Normalised latents of the source clip, of the target's size, or None for plain
            image-to-video.
        layout: What the reference may attend to.

    """

    caption: Float[Tensor, "1 caption_tokens caption_channels"]
    coordinates: Float[Tensor, "3 tokens"]
    reference: Latents | None = None
    layout: Layout = "reference-self"


@dataclass(frozen=True)
class InContextBatch:
    """What the transformer is given, and the velocity that it should answer with.

    Attributes:
        tokens: Reference tokens, then target tokens: R + T.
        sigmas: Noise level of every latent frame; the timestep is 1000 times this.
        coordinates: Time, y and x of every token.
        caption: The constant caption embedding.
        reference_tokens: R, how many of the tokens are the reference.
        layout: What the reference may attend to.
        target: Velocity of the target tokens.
        learned: True for the target frames that are noisy and hence in the loss.

    """

    tokens: Float[Tensor, "batch tokens channels"]
    sigmas: Float[Tensor, "batch all_frames"]
    coordinates: Float[Tensor, "3 tokens"]
    caption: Float[Tensor, "1 caption_tokens caption_channels"]
    reference_tokens: int
    layout: Layout
    target: Float[Tensor, "batch target_tokens channels"]
    learned: Bool[Tensor, "batch frames"]


def in_context_batch(
    latents: Latents,
    noise: Latents,
    sigmas: Float[Tensor, " batch"],
    conditioning: Conditioning,
    first_frame_given: Bool[Tensor, " batch"] | None = None,
) -> InContextBatch:
    """Build the training sequence for clips `latents` at noise levels `sigmas`.

    Args:
        latents: The clips to be generated, normalised.
        noise: Gaussian noise of the same shape.
        sigmas: One noise level per sample.
        conditioning: Caption, positions and reference.
        first_frame_given: Whether each sample's first frame is clean; all are by default.

    """
    batch, _, frames, _, _ = latents.shape
    levels = frame_sigmas(sigmas, frames, first_frame_given)  # (B, F)
    noisy = add_noise(  # every latent frame at its own level
        latents.transpose(1, 2).flatten(0, 1), noise.transpose(1, 2).flatten(0, 1), levels.flatten()
    )
    tokens = pack(noisy.unflatten(0, (batch, frames)).transpose(1, 2))  # (B, T, C)
    tokens, all_levels, coordinates = with_reference(tokens, levels, conditioning)
    return InContextBatch(
        tokens,
        all_levels,
        coordinates,
        conditioning.caption,
        reference_tokens=tokens.shape[1] - latents[0, 0].numel(),
        layout=conditioning.layout,
        target=pack(velocity_target(latents, noise)),
        learned=levels > 0,
    )


def frame_sigmas(
    sigmas: Float[Tensor, " batch"],
    frames: int,
    first_frame_given: Bool[Tensor, " batch"] | None = None,
) -> Float[Tensor, "batch {frames}"]:
    """Return the noise level of every latent frame: sigma, or 0 for a first frame that is given."""
    levels = sigmas[:, None].repeat(1, frames)
    levels[:, 0] = 0 if first_frame_given is None else sigmas * ~first_frame_given
    return levels


def with_reference(
    tokens: Float[Tensor, "batch target_tokens channels"],
    sigmas: Float[Tensor, "batch frames"],
    conditioning: Conditioning,
) -> tuple[
    Float[Tensor, "batch tokens channels"],
    Float[Tensor, "batch all_frames"],
    Float[Tensor, "3 tokens"],
]:
    """Put the reference, if there is one, before the target: its tokens, levels and positions.

    A reference token has the position of the target token at its place, as in the released
    adapter, so that "the same place at the same time" is a rotation by nothing.
    """
    if conditioning.reference is None:
        return tokens, sigmas, conditioning.coordinates
    clean = pack(conditioning.reference).to(tokens.dtype)  # (B, R, C)
    zeros = sigmas.new_zeros(len(sigmas), conditioning.reference.shape[2])
    return (
        torch.cat([clean, tokens], dim=1),
        torch.cat([zeros, sigmas], dim=1),
        conditioning.coordinates.repeat(1, 2),
    )
