"""The lite model's autoencoder: principal components of blocks of pixels, and nothing learned.

A latent is a block of 16x16 pixels and 4 frames (the first frame, alone, fills its block four
times). With m the mean block, B the first principal components of such blocks in a set of clips,
and s a scale for each,

    z = B (x - m) / s,    x = m + B^T (s z).

It has the methods and attributes of diffusers' `AutoencoderKLLTXVideo` that stock pipelines use,
so it takes that class's place as `vae=`.
"""

import torch
from diffusers import AutoencoderKLLTXVideo, ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

Video = Float[Tensor, "batch 3 frames height width"]
Latents = Float[Tensor, "batch channels latent_frames latent_height latent_width"]

NO_NOISE = -30.0  # log-variance of the latents' distribution: the encoder is sure


class PrincipalAutoencoder(ModelMixin, ConfigMixin):
    """Clips in [-1, 1] to latents and back by matrix products; `recipes.lite_latents` fits it."""

    config_name = "config.json"

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 512,  # how many components are kept
        spatial_ratio: int = 16,  # side of a block, in pixels
        temporal_ratio: int = 4,  # frames of a block
        scaling_factor: float = 1.0,  # for stock pipelines, which divide by it
        timestep_conditioning: bool = False,  # for stock pipelines; there is no timestep
    ) -> None:
        super().__init__()
        self.spatial_compression_ratio = spatial_ratio
        self.temporal_compression_ratio = temporal_ratio
        block = 3 * temporal_ratio * spatial_ratio**2
        basis = torch.zeros(latent_channels, block)
        self.mean = torch.nn.Parameter(torch.zeros(block), requires_grad=False)
        self.basis = torch.nn.Parameter(basis, requires_grad=False)
        self.scale = torch.nn.Parameter(torch.ones(latent_channels), requires_grad=False)
        self.register_buffer("latents_mean", torch.zeros(latent_channels), persistent=False)
        self.register_buffer("latents_std", torch.ones(latent_channels), persistent=False)

    def encode(
        self, x: Video, return_dict: bool = True
    ) -> AutoencoderKLOutput | tuple[DiagonalGaussianDistribution]:
        """Return the distribution of a clip's latents, which is (nearly) a point."""
        z = (self.blocks(x) - self.mean) @ self.basis.T / self.scale  # (B, F, H, W, C)
        z = z.movedim(-1, 1)
        posterior = DiagonalGaussianDistribution(
            torch.cat([z, torch.full_like(z, NO_NOISE)], dim=1)
        )
        return AutoencoderKLOutput(latent_dist=posterior) if return_dict else (posterior,)

    def decode(
        self, z: Latents, temb: Tensor | None = None, return_dict: bool = True
    ) -> DecoderOutput | tuple[Tensor]:
        """Return the clip of latents; of the four copies of its first frame the last is kept."""
        r, s = self.temporal_compression_ratio, self.spatial_compression_ratio
        x = self.mean + (z.movedim(1, -1) * self.scale) @ self.basis
        pattern = "b f h w (c t y x) -> b c (f t) (h y) (w x)"
        video = rearrange(x, pattern, c=3, t=r, y=s, x=s)[:, :, r - 1 :]
        return DecoderOutput(sample=video) if return_dict else (video,)

    def blocks(self, x: Video) -> Float[Tensor, "batch f h w block"]:
        """Cut a clip of 4k+1 frames into blocks; the first frame is repeated to fill its own."""
        r, s = self.temporal_compression_ratio, self.spatial_compression_ratio
        x = torch.cat([x[:, :, :1].expand(-1, -1, r - 1, -1, -1), x], dim=2)
        return rearrange(x, "b c (f t) (h y) (w x) -> b f h w (c t y x)", t=r, y=s, x=s)


Autoencoder = AutoencoderKLLTXVideo | PrincipalAutoencoder
