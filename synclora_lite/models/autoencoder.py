"""A transformer autoencoder over blocks of pixels, with the interface of `AutoencoderKLLTXVideo`.

A latent is a block of 16x16 pixels and 4 frames (the first frame, alone, fills its block four
times). Encoder and decoder are each a linear map, the principal components of such blocks, plus
what a transformer over all blocks adds to it:

    z = P (x - m) / s + encoder(x)            x = m + B (s z, 0) + B decoder(z)

with m the mean block, B the first components, P = B^T cut to the latent channels, and s their
scales. So an untrained autoencoder is principal component analysis already, and training learns
what is not linear. Attention over blocks follows ViTok (Hansen-Estruch et al. 2025); the causal
encoder, in which a latent frame sees itself and earlier ones, is that of LTX-Video.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

Video = Float[Tensor, "batch 3 frames height width"]
Latents = Float[Tensor, "batch channels latent_frames latent_height latent_width"]
Tokens = Float[Tensor, "batch tokens dim"]

SIDE, FRAMES = 16, 4  # pixels and frames of a block
BLOCK = 3 * FRAMES * SIDE * SIDE  # 3,072 numbers
WINDOW = 4  # latent frames that attention reaches back (and, in the decoder, ahead)
LOG_VARIANCE = -7.0  # of the posterior: a latent is its mean, with a little noise


@dataclass(frozen=True)
class Grid:
    """Latent frames, rows and columns of a clip, and what follows from them for attention."""

    cosine: Float[Tensor, "tokens half_head"]
    sine: Float[Tensor, "tokens half_head"]
    causal: Float[Tensor, "tokens tokens"]  # 0 where a token may look, -inf elsewhere
    both_ways: Float[Tensor, "tokens tokens"]


def make_grid(frames: int, rows: int, columns: int, head: int, device: torch.device) -> Grid:
    """Return rotary angles of three axes (a third of a head each) and the two masks."""
    place = torch.stack(
        torch.meshgrid(*(torch.arange(n, device=device) for n in (frames, rows, columns)), indexing="ij")
    ).flatten(1)  # (3, tokens)
    pairs = head // 2
    share = [pairs - 2 * (pairs // 3), pairs // 3, pairs // 3]
    angle = torch.cat(
        [
            axis[:, None] * 20.0 ** -(torch.arange(n, device=device) / n)
            for axis, n in zip(place.float(), share, strict=True)
        ],
        dim=1,
    )  # (tokens, head / 2)
    back = place[0][:, None] - place[0][None]  # frames from key to query
    near = back.abs() <= WINDOW
    closed = torch.zeros_like(angle[:, :1]).expand(-1, len(back))
    return Grid(
        angle.cos(),
        angle.sin(),
        closed.masked_fill(~(near & (back >= 0)), -torch.inf),
        closed.masked_fill(~near, -torch.inf),
    )


class Block(nn.Module):
    """Attention and feed-forward, each on a normalised input and beside a residual connection."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.RMSNorm(width, eps=1e-5), nn.RMSNorm(width, eps=1e-5)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.down.weight)
        nn.init.zeros_(self.down.bias)

    def forward(self, x: Tokens, cosine: Tensor, sine: Tensor, mask: Tensor) -> Tokens:
        qkv = self.qkv(self.norm1(x)).unflatten(2, (3, self.heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (B, heads, tokens, head) each
        q, k = (rotate(F.rms_norm(a, a.shape[-1:]), cosine, sine) for a in (q, k))
        scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + mask
        seen = torch.softmax(scores, dim=-1) @ v
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn each pair of channels (one of the first half, one of the second) by its angle."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)


class BlockAutoencoder(ModelMixin, ConfigMixin):
    """Clips to latents and back.

    Args:
        latent_channels: Numbers in a latent.
        components: Principal components that the networks read and write.
        width: Channels inside the transformers.
        heads: Attention heads.
        encoder_layers: Blocks of the encoder.
        decoder_layers: Blocks of the decoder.
        scaling_factor: For stock pipelines, which divide by it; always 1.
        timestep_conditioning: For stock pipelines; the decoder takes no timestep.
    """

    config_name = "config.json"

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 128,
        components: int = 512,
        width: int = 384,
        heads: int = 6,
        encoder_layers: int = 5,
        decoder_layers: int = 6,
        scaling_factor: float = 1.0,
        timestep_conditioning: bool = False,
    ) -> None:
        super().__init__()
        self.spatial_compression_ratio, self.temporal_compression_ratio = SIDE, FRAMES
        self.register_buffer("mean", torch.zeros(BLOCK))
        self.register_buffer("basis", torch.zeros(components, BLOCK))
        self.register_buffer("scale", torch.ones(components))
        self.register_buffer("latents_mean", torch.zeros(latent_channels))
        self.register_buffer("latents_std", torch.ones(latent_channels))
        self.encoder_in = nn.Linear(components, width)
        self.encoder = nn.ModuleList(Block(width, heads) for _ in range(encoder_layers))
        self.encoder_norm = nn.RMSNorm(width, eps=1e-5)
        self.encoder_out = nn.Linear(width, latent_channels)
        self.decoder_in = nn.Linear(latent_channels, width)
        self.decoder = nn.ModuleList(Block(width, heads) for _ in range(decoder_layers))
        self.decoder_norm = nn.RMSNorm(width, eps=1e-5)
        self.head_up = nn.Linear(width, 4 * width)
        self.head_down = nn.Linear(4 * width, components)
        for layer in (self.encoder_out, self.head_down):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def encode(self, video: Video, return_dict: bool = True) -> AutoencoderKLOutput | tuple:
        """Return the distribution of a clip's latents; its mode is what the encoder says."""
        rows, size = to_blocks(video)
        z = self.encode_blocks(rows, self.grid(*size))
        z = rearrange(z, "b (f h w) c -> b c f h w", f=size[0], h=size[1])
        posterior = DiagonalGaussianDistribution(
            torch.cat([z, torch.full_like(z[:, :1], LOG_VARIANCE).expand_as(z)], dim=1)
        )
        return AutoencoderKLOutput(latent_dist=posterior) if return_dict else (posterior,)

    def decode(
        self, z: Latents, temb: Tensor | None = None, return_dict: bool = True
    ) -> DecoderOutput | tuple[Tensor]:
        """Return the clip of latents."""
        size = tuple(z.shape[2:])
        rows = self.decode_blocks(z.flatten(2).transpose(1, 2), self.grid(*size))
        video = from_blocks(rows, size)
        return DecoderOutput(sample=video) if return_dict else (video,)

    def forward(self, video: Video) -> Video:
        """Encode and decode."""
        return self.decode(self.encode(video).latent_dist.mode()).sample

    def encode_blocks(
        self, rows: Float[Tensor, "batch tokens block"], grid: Grid
    ) -> Float[Tensor, "batch tokens channels"]:
        """Encode blocks of pixels: z = P (x - m) / s + encoder(x)."""
        x = (rows - self.mean) @ self.basis.T / self.scale  # (B, tokens, components)
        h = self.encoder_in(x)
        for block in self.encoder:
            h = block(h, grid.cosine, grid.sine, grid.causal)
        return x[..., : self.config.latent_channels] + self.encoder_out(self.encoder_norm(h))

    def decode_blocks(
        self, z: Float[Tensor, "batch tokens channels"], grid: Grid
    ) -> Float[Tensor, "batch tokens block"]:
        """Decode to blocks of pixels: x = m + B s ((z, 0) + decoder(z))."""
        h = self.decoder_in(z)
        for block in self.decoder:
            h = block(h, grid.cosine, grid.sine, grid.both_ways)
        h = self.decoder_norm(h)
        y = self.head_down(F.gelu(self.head_up(h), approximate="tanh"))
        y = F.pad(z, (0, y.shape[-1] - z.shape[-1])) + y
        return self.mean + (y * self.scale) @ self.basis

    def grid(self, frames: int, rows: int, columns: int) -> Grid:
        """Return the grid of a clip of this many latent frames, rows and columns."""
        head = self.config.width // self.config.heads
        grid = make_grid(frames, rows, columns, head, self.mean.device)
        return Grid(*(t.to(self.dtype) for t in (grid.cosine, grid.sine, grid.causal, grid.both_ways)))


def to_blocks(video: Video) -> tuple[Float[Tensor, "batch tokens block"], tuple[int, int, int]]:
    """Cut clips of 4k+1 frames into blocks; the first frame is repeated to fill its own."""
    first = video[:, :, :1].expand(-1, -1, FRAMES - 1, -1, -1)
    pattern = "b c (f t) (h y) (w x) -> b f h w (c t y x)"
    rows = rearrange(torch.cat([first, video], dim=2), pattern, t=FRAMES, y=SIDE, x=SIDE)
    return rows.flatten(1, 3), tuple(rows.shape[1:4])


def from_blocks(rows: Float[Tensor, "batch tokens block"], size: tuple[int, int, int]) -> Video:
    """Undo `to_blocks`; of the four copies of the first frame the last is kept."""
    pattern = "b (f h w) (c t y x) -> b c (f t) (h y) (w x)"
    sizes = {"c": 3, "t": FRAMES, "y": SIDE, "x": SIDE, "f": size[0], "h": size[1]}
    return rearrange(rows, pattern, **sizes)[:, :, FRAMES - 1 :]


@torch.no_grad()
def fit_components(vae: BlockAutoencoder, clips: list[Video]) -> None:
    """Set mean, components and scales from clips in [-1, 1], read in batches.

    A component is scaled to the square root of its deviation: between equal weight for all
    components and equal weight for all pixels. The latents then have a mean square of one.
    """
    gram, total, count = torch.zeros(BLOCK, BLOCK, dtype=torch.double), torch.zeros(BLOCK), 0
    for batch in clips:
        rows = to_blocks(batch)[0].flatten(0, 1)
        gram += (rows.T @ rows).double()
        total += rows.sum(0)
        count += len(rows)
    mean = total / count
    variance, vectors = torch.linalg.eigh(gram / count - torch.outer(mean, mean).double())
    deviation = variance.flip(0).clamp(min=1e-10)[: vae.config.components].sqrt()
    root = deviation.sqrt()
    kept = deviation[: vae.config.latent_channels]
    vae.mean.copy_(mean)
    vae.basis.copy_(vectors.flip(1)[:, : vae.config.components].T)
    vae.scale.copy_(root * kept.mean().sqrt())
