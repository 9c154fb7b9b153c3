"""Axes of the latents: uncorrelated, the ones that matter most for the picture first.

An autoencoder is free to mix its latent channels, and scaling each to unit variance, as is usual,
then asks of the flow to spend as much on a channel that changes no pixel as on one that moves a
head. A linear map after the encoder, undone before the decoder, changes nothing that it decodes.
The map chosen here makes channels uncorrelated and scales each to the square root of the picture
change that it stands for: between equal weight for all and equal weight for all pixels.
"""

import torch
from diffusers import AutoencoderKLLTXVideo
from jaxtyping import Float
from torch import Tensor

from synclora_lite.i2v import pack

NOISE = 0.05  # deviation of the noise that the decoder is trained to bear, where channels have 1


def order_latents(
    vae: AutoencoderKLLTXVideo, clips: list[Float[Tensor, "batch 3 frames height width"]]
) -> Float[Tensor, " channels"]:
    """Turn the latent channels to the axes described above, inside the autoencoder's own weights.

    Args:
        vae: Changed in place; what it makes of a clip stays the same. Its latent mean and
            deviation are set, and the one log-variance that its channels share to that of `NOISE`.
        clips: Some hundred clips to measure on, in [-1, 1], in batches.

    Returns:
        The deviation of each channel, largest first; their squares have a mean of one.

    """
    with torch.no_grad():
        latents = [vae.encode(batch).latent_dist.mode() for batch in clips]
    tokens = torch.cat([pack(z).flatten(0, 1) for z in latents]).double()  # (tokens, C)
    changes = [_picture_change(vae, z, seed) for seed, z in enumerate(latents)]
    importance = torch.stack(changes).mean(0)
    forward, deviation = _axes(torch.cov(tokens.T), importance.double())
    _fold(vae, forward.float(), torch.linalg.inv(forward).float())
    vae.latents_mean.copy_(forward @ tokens.mean(0))
    vae.latents_std.fill_(1.0)
    return deviation.float()


def _picture_change(
    vae: AutoencoderKLLTXVideo, latents: Float[Tensor, "batch channels f h w"], seed: int
) -> Float[Tensor, "channels channels"]:
    """Estimate J^T J of one token, J the decoder's derivative, by random projections."""
    latents = latents.detach().requires_grad_()
    with torch.enable_grad():
        decoded = vae.decode(latents).sample
        signs = torch.randint(2, decoded.shape, generator=torch.Generator().manual_seed(seed))
        (change,) = torch.autograd.grad(decoded, latents, (signs * 2 - 1).to(decoded))
    rows = pack(change).flatten(0, 1)
    return rows.T @ rows / len(rows)


def _axes(
    covariance: Float[Tensor, "channels channels"], importance: Float[Tensor, "channels channels"]
) -> tuple[Float[Tensor, "channels channels"], Float[Tensor, " channels"]]:
    """Return the map to the new axes, and the deviation of each."""
    variance, basis = torch.linalg.eigh(covariance)
    root = variance.clamp(min=1e-8 * variance.max()).sqrt()
    coloured = basis * root  # unit variance -> latents
    change, turn = torch.linalg.eigh(coloured.T @ importance @ coloured)
    change, turn = change.flip(0).clamp(min=1e-8 * change.max()), turn.flip(1)
    deviation = change**0.25 / change.sqrt().mean().sqrt()
    return deviation[:, None] * (turn.T @ (basis / root).T), deviation


@torch.no_grad()
def _fold(
    vae: AutoencoderKLLTXVideo,
    forward: Float[Tensor, "channels channels"],
    backward: Float[Tensor, "channels channels"],
) -> None:
    """Multiply the encoder's last layer by `forward`, the decoder's first by `backward`."""
    last, first = vae.encoder.conv_out.conv, vae.decoder.conv_in.conv
    last.weight[:-1] = torch.einsum("ij,j...->i...", forward, last.weight[:-1])
    last.bias[:-1] = forward @ last.bias[:-1]
    last.weight[-1] = 0
    last.bias[-1] = 2 * torch.tensor(NOISE).log()
    first.weight.copy_(torch.einsum("oi...,ij->oj...", first.weight, backward))
