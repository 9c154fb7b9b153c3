"""Reference and target in one sequence: tokens, timesteps, positions, and what is learned.

The reference comes first, clean and at timestep 0. The target follows, noisy except for its first
frame, which is given. Only the noisy tokens are in the loss. Without a reference the same sequence
trains the plain image-to-video model.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from synclora_lite.i2v import (
    I2VModel,
    Layout,
    add_noise,
    pack,
    predict_velocity,
    velocity_target,
)

Latents = Float[Tensor, "batch channels frames height width"]


@dataclass(frozen=True)
class Sequence:
    """What the transformer is given, and the velocity that it should answer with.

    Attributes:
        tokens: Reference tokens, then target tokens.
        sigmas: Noise level of every latent frame; the timestep is 1000 times this.
        coordinates: Time, y and x of every token; see `token_coordinates`.
        reference_tokens: How many of the tokens are the reference.
        target: Velocity of the target tokens.
        learned: True for the target frames that are noisy and hence in the loss.

    """

    tokens: Float[Tensor, "batch tokens channels"]
    sigmas: Float[Tensor, "batch all_frames"]
    coordinates: Float[Tensor, "3 tokens"]
    reference_tokens: int
    target: Float[Tensor, "batch target_tokens channels"]
    learned: Bool[Tensor, "batch frames"]


def assemble(
    model: I2VModel,
    latents: Latents,
    noise: Latents,
    sigmas: Float[Tensor, " batch"],
    *,
    reference: Latents | None = None,
    reference_offset: int = 0,
    first_frame_given: Bool[Tensor, " batch"] | None = None,
) -> Sequence:
    """Build the training sequence for clips `latents` at noise levels `sigmas`.

    Args:
        model: Gives the positions.
        latents: The clips to be generated, normalised.
        noise: Gaussian noise of the same shape.
        sigmas: One noise level per sample.
        reference: The source clips, normalised, of the same size; they share the positions.
        reference_offset: Latent columns by which the reference's positions are moved to the right.
        first_frame_given: Whether each sample's first frame is clean; all are by default.

    """
    batch, _, frames, height, width = latents.shape
    levels = sigmas[:, None].repeat(1, frames)  # (B, F)
    given = (
        torch.ones_like(sigmas, dtype=torch.bool)
        if first_frame_given is None
        else first_frame_given
    )
    levels[:, 0] = sigmas * ~given
    noisy = add_noise(
        latents.transpose(1, 2).flatten(0, 1), noise.transpose(1, 2).flatten(0, 1), levels.flatten()
    )
    tokens = pack(noisy.unflatten(0, (batch, frames)).transpose(1, 2))
    coordinates = model.coordinates(frames, height, width)
    reference_tokens = 0
    learned = levels > 0
    if reference is not None:
        clean = pack(reference)
        reference_tokens = clean.shape[1]
        tokens = torch.cat([clean, tokens], dim=1)
        place = model.coordinates(reference.shape[2], height, width, reference_offset)
        coordinates = torch.cat([place, coordinates], dim=1)
        levels = torch.cat([levels.new_zeros(batch, reference.shape[2]), levels], dim=1)
    target = pack(velocity_target(latents, noise))
    tokens = tokens.to(model.caption.dtype)
    return Sequence(tokens, levels, coordinates, reference_tokens, target, learned)


def flow_loss(
    model: I2VModel, sequence: Sequence, layout: Layout = "reference-self"
) -> Float[Tensor, " batch"]:
    """Return each sample's mean squared velocity error over its noisy target tokens."""
    velocity = predict_velocity(
        model.transformer,
        sequence.tokens,
        sequence.sigmas,
        model.caption,
        sequence.coordinates,
        reference_tokens=sequence.reference_tokens,
        layout=layout,
    )[:, sequence.reference_tokens :]
    error = (velocity.float() - sequence.target).square().mean(-1)  # (B, target tokens)
    by_frame = error.unflatten(1, (sequence.learned.shape[1], -1)).mean(-1)
    return (by_frame * sequence.learned).sum(1) / sequence.learned.sum(1).clamp(min=1)
