"""A start for the autoencoder that already compresses: principal components, level by level.

Begun from random weights, this network needs most of its training to find what a linear map finds
at once. Here every residual block begins as the identity, every change of size as the best linear
map of its places, and the layers that end encoder and decoder are fitted by least squares. What is
left for the training is all that is not linear.
"""

import torch
from diffusers import AutoencoderKLLTXVideo
from diffusers.models.autoencoders.autoencoder_kl_ltx import (
    LTXVideoCausalConv3d,
    LTXVideoDecoder3d,
    LTXVideoEncoder3d,
    LTXVideoResnetBlock3d,
)
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

Video = Float[Tensor, "batch 3 frames height width"]
Rows = Float[Tensor, "rows dim"]
Matrix = Float[Tensor, "outputs inputs"]

QUIET = 0.1  # deviation of signals before a last activation, which is nearly linear there
LOUD = 2  # channels that hold a constant, for the last norm
LOG_VARIANCE = -7.0  # of the latents: little noise


@torch.no_grad()
def principal_start(vae: AutoencoderKLLTXVideo, clips: Video) -> None:
    """Set the weights of an autoencoder of `vae_config` from the statistics of clips.

    Args:
        vae: Changed in place.
        clips: Some hundred, in [-1, 1]: their blocks should outnumber the pixels of a block.

    """
    for module in vae.modules():
        if isinstance(module, LTXVideoResnetBlock3d):
            torch.nn.init.zeros_(module.conv2.conv.weight)
            torch.nn.init.zeros_(module.conv2.conv.bias)
    side = vae.config.spatial_compression_ratio
    wanted = blocks(clips, side, 4)
    wanted = wanted @ principal(wanted, vae.config.latent_channels).T
    wanted = wanted / wanted.std(0) ** 0.5  # or the small ones would drown in the noise
    wanted = wanted / wanted.square().mean().sqrt()
    _fit_encoder(vae.encoder, clips, wanted)
    latents = torch.cat([vae.encode(c).latent_dist.mode() for c in clips.split(8)])
    _fit_decoder(vae.decoder, clips, latents, side // 2)


def blocks(video: Video, side: int, frames: int) -> Rows:
    """Cut clips into blocks of pixels; the first frame is repeated to fill its block."""
    video = torch.cat([video[:, :, :1].expand(-1, -1, frames - 1, -1, -1), video], dim=2)
    pattern = "b c (f t) (h y) (w x) -> (b f h w) (c t y x)"
    return rearrange(video, pattern, t=frames, y=side, x=side)


def principal(rows: Rows, count: int) -> Matrix:
    """Return the directions that carry most of the rows' squares, largest first."""
    _, vectors = torch.linalg.eigh((rows.T @ rows / len(rows)).double())
    return vectors.flip(1)[:, :count].T.float()


def _fit_encoder(encoder: LTXVideoEncoder3d, clips: Video, wanted: Rows) -> None:
    first = encoder.conv_in.conv
    _set_centre(encoder.conv_in, torch.eye(first.out_channels, first.in_channels))
    for block in encoder.down_blocks:
        layer, final = block.downsamplers[0].conv, block is encoder.down_blocks[-1]
        keep = layer.conv.out_channels - (LOUD // 2 if final else 0)
        _set_centre(layer, _spread(principal(_inputs(encoder, layer, clips), keep)))
    _quieten(encoder.mid_block.resnets[-1], _inputs(encoder, encoder.mid_block, clips))
    weight, bias = _least_squares(_inputs(encoder, encoder.conv_out, clips)[:, :-LOUD], wanted)
    _set_centre(
        encoder.conv_out,
        torch.cat([weight, torch.zeros_like(weight[:1])]),
        torch.cat([bias, bias.new_tensor([LOG_VARIANCE])]),
    )


def _fit_decoder(
    decoder: LTXVideoDecoder3d, clips: Video, latents: Float[Tensor, "b c f h w"], side: int
) -> None:
    first = decoder.conv_in.conv
    _set_centre(decoder.conv_in, torch.eye(first.out_channels, first.in_channels))
    coarse, fine = (block.upsamplers[0].conv for block in decoder.up_blocks)
    halves = blocks(clips, side, 2)  # what one place is after the first change of size
    directions = principal(halves, fine.conv.in_channels)
    scale = (halves @ directions.T).square().mean().sqrt()
    frames, height, width = clips.shape[2] // 2 + 1, *(n // side for n in clips.shape[3:])
    signals = rearrange(
        halves @ directions.T / scale, "(b f h w) c -> b c f h w", f=frames, h=height, w=width
    )
    signals = torch.cat([signals[:, :, :1], signals], dim=2)
    pattern = "b c (f t) (h y) (w x) -> (b f h w) (c t y x)"
    signals = rearrange(signals, pattern, t=2, y=2, x=2)
    weight, bias = _least_squares(rearrange(latents, "b c f h w -> (b f h w) c"), signals)
    _set_beside_shortcut(coarse, weight, bias)
    pattern = "k (c t y v x u) -> (c u v t y x) k"  # u, v: places in a patch, in diffusers' order
    sizes = {"c": 3, "t": 2, "y": 2, "x": 2, "v": side // 2}
    _set_beside_shortcut(fine, scale * rearrange(directions, pattern, **sizes))
    signal = decoder.conv_out.conv.out_channels
    few, last = latents[:8], decoder.conv_out
    block = decoder.up_blocks[-1].resnets[-1]
    _quieten(block, _inputs(decoder, block, few)[:, :signal])
    pattern = "b c f (h v) (w u) -> (b f h w) (c u v)"
    pixels = rearrange(clips[:8], pattern, v=side // 2, u=side // 2)
    rows = _inputs(decoder, last, few)[:, :signal]
    gain = (rows * (pixels - pixels.mean(0))).mean(0) / rows.var(0)
    _set_centre(last, torch.diag(gain), pixels.mean(0) - gain * rows.mean(0))


def _inputs(network: torch.nn.Module, layer: torch.nn.Module, given: Tensor) -> Rows:
    """Return what a layer is given at every place, as rows."""
    seen: list[Tensor] = []
    hook = layer.register_forward_pre_hook(
        lambda _, inputs: seen.append(rearrange(inputs[0], "b c f h w -> (b f h w) c"))
    )
    for part in given.split(8):
        network(part)
    hook.remove()
    return torch.cat(seen)


def _least_squares(
    rows: Float[Tensor, "rows inputs"], wanted: Float[Tensor, "rows outputs"]
) -> tuple[Matrix, Float[Tensor, " outputs"]]:
    """Return the weight and bias that map rows nearest to what is wanted."""
    ones = torch.cat([rows, torch.ones_like(rows[:, :1])], dim=1).double()
    gram = ones.T @ ones
    ridge = 1e-9 * gram.diagonal().mean() * torch.eye(len(gram))
    solution = torch.linalg.solve(gram + ridge, ones.T @ wanted.double()).float()
    return solution[:-1].T, solution[-1]


def _spread(directions: Matrix) -> Matrix:
    """Turn directions among themselves, so that no channel is much louder than the others."""
    drawn = torch.randn(
        len(directions), len(directions), generator=torch.Generator().manual_seed(0)
    )
    return torch.linalg.qr(drawn).Q @ directions


def _set_centre(layer: LTXVideoCausalConv3d, weight: Matrix, bias: Tensor | None = None) -> None:
    """Make a convolution a matrix at every place: the middle of its kernel, or its present."""
    outputs, inputs = weight.shape
    layer.conv.weight.zero_()
    time = layer.kernel_size[0] - 1 if layer.is_causal else layer.kernel_size[0] // 2
    layer.conv.weight[:outputs, :inputs, time, 1, 1] = weight
    layer.conv.bias.zero_()
    if bias is not None:
        layer.conv.bias[: len(bias)] = bias


def _set_beside_shortcut(
    layer: LTXVideoCausalConv3d, weight: Matrix, bias: Tensor | None = None
) -> None:
    """Set an upsampling convolution and take back what the shortcut beside it adds."""
    whole = torch.zeros(layer.conv.out_channels, layer.conv.in_channels)
    whole[: weight.shape[0], : weight.shape[1]] = weight
    shortcut = torch.eye(layer.conv.in_channels)
    _set_centre(layer, whole - shortcut.repeat(len(whole) // len(shortcut), 1), bias)


def _quieten(block: LTXVideoResnetBlock3d, rows: Rows) -> None:
    """Give the last channels a constant so large that a norm leaves `QUIET` to the signals.

    It is negative, so that the activation after the norm makes it nothing.
    """
    share = LOUD / block.conv2.conv.out_channels
    block.conv2.conv.bias[-LOUD:] = -rows.square().mean().sqrt() / QUIET / share**0.5
