"""The objective, and one step of training: the equation of the paper, line by line.

    L = E_{sigma, noise} || m * (v(x_sigma, sigma | reference, first frame) - (noise - x)) ||^2

x is the edited clip, x_sigma = (1 - sigma) x + sigma noise, and the mask m leaves out what is
given: the reference and the first frame. Sync-LoRA (arXiv 2512.03013), section 3. The square may
be the pseudo-Huber loss instead, which asks less of what cannot be known and more of the rest.
"""

from dataclasses import dataclass, replace

import torch
from diffusers import LTXVideoTransformer3DModel
from jaxtyping import Float
from torch import Tensor

from synclora_lite.core.block import predict_velocity
from synclora_lite.core.flow import sample_sigmas
from synclora_lite.core.sequence import Conditioning, InContextBatch, Latents, in_context_batch


@dataclass(frozen=True)
class Objective:
    """What is drawn at random in a step.

    Attributes:
        mu: Mean of the noise levels in log-odds; see `scheduler_shift`.
        std: Their deviation in log-odds.
        uniform: Fraction of the levels that is drawn uniformly instead.
        first_frame_probability: How often the first frame is given.
        reference_dropout: How often the reference is left out of a step, for guidance on it.
        huber: Constant of the loss; see `flow_loss`.

    """

    mu: float = 0.0
    std: float = 1.0
    uniform: float = 0.1
    first_frame_probability: float = 1.0
    reference_dropout: float = 0.0
    huber: float = 0.0


def train_step(
    transformer: LTXVideoTransformer3DModel,
    target: Latents,
    conditioning: Conditioning,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    objective: Objective = Objective(),
    max_norm: float = 1.0,
) -> float:
    """Take one step on a batch of edited clips and their sources; return the loss.

    Args:
        transformer: With an adapter; what requires no gradient stays as it is.
        target: Latents of the edited clips.
        conditioning: Caption, positions and the latents of the source clips.
        optimizer: Holds the adapter's parameters.
        generator: Source of all randomness, on the CPU.
        objective: What is drawn.
        max_norm: A longer gradient is scaled down to this.

    """
    loss = training_loss(transformer, target, conditioning, generator, objective).mean()
    loss.backward()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    torch.nn.utils.clip_grad_norm_(parameters, max_norm, foreach=True)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


def training_loss(
    transformer: LTXVideoTransformer3DModel,
    target: Latents,
    conditioning: Conditioning,
    generator: torch.Generator,
    objective: Objective = Objective(),
) -> Float[Tensor, " batch"]:
    """Return each sample's loss at a noise level and with noise drawn from `generator`."""
    batch, device = len(target), target.device
    # sigma ~ shifted logit-normal, noise ~ N(0, 1)
    sigmas = sample_sigmas(
        batch, generator, mu=objective.mu, std=objective.std, uniform=objective.uniform
    ).to(device)
    noise = torch.randn(target.shape, generator=generator).to(device)
    given = torch.rand(batch, generator=generator) < objective.first_frame_probability
    if torch.rand((), generator=generator).item() < objective.reference_dropout:
        conditioning = replace(conditioning, reference=None)
    # [reference, x_sigma], with timesteps and positions
    made = in_context_batch(target, noise, sigmas, conditioning, given.to(device))
    # || m (v - (noise - x)) ||^2
    return flow_loss(transformer, made, objective.huber)


def flow_loss(
    transformer: LTXVideoTransformer3DModel, batch: InContextBatch, huber: float = 0.0
) -> Float[Tensor, " batch"]:
    """Return each sample's mean velocity error over its noisy target tokens.

    An error e counts e^2, or, with a constant c = `huber` above 0, sqrt(e^2 + c^2) - c: a square
    where it is small and its size where it is large (Song & Dhariwal 2024, section 3.3).
    """
    r = batch.reference_tokens
    velocity = predict_velocity(
        transformer,
        batch.tokens,
        batch.sigmas,
        batch.caption,
        batch.coordinates,
        reference_tokens=r,
        layout=batch.layout,
    )
    target = velocity.split([r, velocity.shape[1] - r], dim=1)[1]  # (B, T, C)
    error = (target.float() - batch.target).square()  # (B, T, C)
    if huber:
        error = (error + huber**2).sqrt() - huber
    by_frame = error.mean(-1).unflatten(1, (batch.learned.shape[1], -1)).mean(-1)  # (B, F)
    return (by_frame * batch.learned).sum(1) / batch.learned.sum(1).clamp(min=1)
