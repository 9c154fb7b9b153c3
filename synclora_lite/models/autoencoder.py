"""The lite model's autoencoder: principal components of blocks of pixels, and nothing learned.

As in a video codec the first frame is kept as a picture, and every later block of 8x8 pixels and 4
frames as what has changed since: a block in which nothing moves is zero. With m the mean 8x8 block
of a picture, B the first principal components (B_0 of pictures, B of changes) in a set of
clips, and s a scale for each,

    z_0 = B_0 (x_0 - m) / s_0,          x_0 = m + B_0^T (s_0 z_0),
    z_t = B (x_t - x_0) / s,            x_t = x_0 + B^T (s z_t),

where the x_0 that later blocks are compared with is the decoded one, so that its error is not
added to theirs.

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
Picture = Float[Tensor, "batch 3 1 height width"]
Latents = Float[Tensor, "batch channels latent_frames latent_height latent_width"]

NO_NOISE = -30.0  # log-variance of the latents' distribution: the encoder is sure


class PrincipalAutoencoder(ModelMixin, ConfigMixin):
    """Clips in [-1, 1] to latents and back by matrix products; `recipes.lite_latents` fits it."""

    config_name = "config.json"

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 128,  # how many components are kept
        spatial_ratio: int = 8,  # side of a block, in pixels
        temporal_ratio: int = 4,  # frames of a block
        scaling_factor: float = 1.0,  # for stock pipelines, which divide by it
        timestep_conditioning: bool = False,  # for stock pipelines; there is no timestep
    ) -> None:
        super().__init__()
        self.spatial_compression_ratio = spatial_ratio
        self.temporal_compression_ratio = temporal_ratio
        picture = 3 * spatial_ratio**2
        for name, value in {
            "mean": torch.zeros(picture),
            "picture_basis": torch.zeros(latent_channels, picture),
            "picture_scale": torch.ones(latent_channels),
            "basis": torch.zeros(latent_channels, temporal_ratio * picture),
            "scale": torch.ones(latent_channels),
        }.items():
            self.register_parameter(name, torch.nn.Parameter(value, requires_grad=False))
        self.register_buffer("latents_mean", torch.zeros(latent_channels), persistent=False)
        self.register_buffer("latents_std", torch.ones(latent_channels), persistent=False)

    def encode(
        self, x: Video, return_dict: bool = True
    ) -> AutoencoderKLOutput | tuple[DiagonalGaussianDistribution]:
        """Return the distribution of a clip's latents, which is (nearly) a point."""
        pictures = self.pictures(x[:, :, :1])
        first = (pictures - self.mean) @ self.picture_basis.T / self.picture_scale
        changes = self.changes(x, self._first_frame(first))
        z = torch.cat([first, changes @ self.basis.T / self.scale], dim=1).movedim(-1, 1)
        posterior = DiagonalGaussianDistribution(
            torch.cat([z, torch.full_like(z, NO_NOISE)], dim=1)
        )
        return AutoencoderKLOutput(latent_dist=posterior) if return_dict else (posterior,)

    def decode(
        self, z: Latents, temb: Tensor | None = None, return_dict: bool = True
    ) -> DecoderOutput | tuple[Tensor]:
        """Return the clip of latents: the first frame, and all others as changes of it."""
        r, s = self.temporal_compression_ratio, self.spatial_compression_ratio
        z = z.movedim(1, -1)  # (B, F, H, W, C)
        first = self._first_frame(z[:, :1])
        changes = (z[:, 1:] * self.scale) @ self.basis
        pattern = "b f h w (c t y x) -> b c (f t) (h y) (w x)"
        video = first + rearrange(changes, pattern, c=3, t=r, y=s, x=s)
        video = torch.cat([first, video], dim=2)
        return DecoderOutput(sample=video) if return_dict else (video,)

    def pictures(self, x: Video) -> Float[Tensor, "batch f h w picture"]:
        """Cut single frames into blocks."""
        s = self.spatial_compression_ratio
        return rearrange(x, "b c f (h y) (w x) -> b f h w (c y x)", y=s, x=s)

    def changes(self, x: Video, first: Picture) -> Float[Tensor, "batch f h w block"]:
        """Cut what differs from the first frame, in a clip of 4k+1 frames, into blocks."""
        r, s = self.temporal_compression_ratio, self.spatial_compression_ratio
        pattern = "b c (f t) (h y) (w x) -> b f h w (c t y x)"
        return rearrange(x[:, :, 1:] - first, pattern, t=r, y=s, x=s)

    def _first_frame(self, z: Float[Tensor, "batch 1 h w c"]) -> Picture:
        s = self.spatial_compression_ratio
        blocks = self.mean + (z * self.picture_scale) @ self.picture_basis
        return rearrange(blocks, "b f h w (c y x) -> b c f (h y) (w x)", c=3, y=s, x=s)


Autoencoder = AutoencoderKLLTXVideo | PrincipalAutoencoder
