"""The lite model's autoencoder: motion and principal components, and nothing learned.

It is a small video codec. The first frame is kept as a picture, every later block of 8x8 pixels
and 4 frames as where its pixels were in the first frame, and as what this motion leaves
unexplained: a block in which nothing moves is zero. With m the mean 8x8 block of a picture, W the
warp, d the motion, B principal components of each kind in a set of clips, and s their scales,

    z_0 = B_0 (x_0 - m) / s_0,                                 x_0 = m + B_0^T (s_0 z_0),
    z_t = [B_d d_t / s_d,  B_r (x_t - W(x_0, d_t)) / s_r],     d_t = B_d^T (s_d z_d),
                                               x_t = W(x_0, d_t) + B_r^T (s_r z_r),

where the x_0 and d_t of the residual are the decoded ones, so that their errors are not added to
its own. All x are logarithms of brightness, in which a change of light is the same number on dark
skin and on light: the ratio images of Liu, Shan and Zhang (SIGGRAPH 2001).

An edit is drawn beside a source s, whose pixels are at hand. What its latents z^s lost of them,
finer motion and small residuals, the decoder puts back where the edit's are nearly the same and
the edit did not change (c, of x_0 - s_0 where the motion points):

    d_t = B_d^T (s_d z_d) + w (d(s)_t - B_d^T (s_d z^s_d)),
    x_t = W(x_0, d_t) + B_r^T (s_r z_r) + w (s_t - W(s_0, d(s)_t) - B_r^T (s_r z^s_r)),
      w = exp(-|z_t - z^s_t|^2 / (C NEAR) - (c / CHANGE)^2),

as the decoder of Zhu et al. (2023; diffusers' `AsymmetricAutoencoderKL`) sees the masked picture.

It has the methods and attributes of diffusers' `AutoencoderKLLTXVideo` that stock pipelines use,
so it takes that class's place as `vae=`.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLLTXVideo, ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

Video = Float[Tensor, "batch 3 frames height width"]
Picture = Float[Tensor, "batch 3 1 height width"]
Motion = Float[Tensor, "batch 2 later_frames rows columns"]  # of pixels or of cells
Residual = Float[Tensor, "batch 3 later_frames height width"]
Latents = Float[Tensor, "batch channels latent_frames latent_height latent_width"]
Blocks = Float[Tensor, "b f h w values"]

CELL = 4  # pixels: side of a cell that moves as one
FINER = 8 / 3  # clips are enlarged by this for the flow of eyelids
AROUND, FAINT = 8.0, 6.0  # pixels of these around a place; grey levels that are no contrast
NEAR = 0.5  # mean squared difference of latents at which a source counts 1/e
CHANGE = 0.8  # of the logarithm of brightness, by the edit: the same
BLACK = 0.1  # of white: what is added to brightness before its logarithm
NO_NOISE = -30.0  # log-variance of the latents' distribution: the encoder is sure


class MotionAutoencoder(ModelMixin, ConfigMixin):
    """Clips in [-1, 1] to latents and back by warps and matrix products.

    The first `motion_channels` of a later latent are motion. `recipes.lite_latents` fits it.
    """

    config_name = "config.json"

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 192,  # how many components are kept
        motion_channels: int = 16,  # of them, of motion
        spatial_ratio: int = 8,  # side of a block, in pixels
        temporal_ratio: int = 4,  # frames of a block
        scaling_factor: float = 1.0,  # for stock pipelines, which divide by it
        timestep_conditioning: bool = False,  # for stock pipelines; there is no timestep
    ) -> None:
        super().__init__()
        self.spatial_compression_ratio = s = spatial_ratio
        self.temporal_compression_ratio = r = temporal_ratio
        # what `cut` makes of first frames, of later ones, and of their motion
        self.picture, self.block = {"t": 1, "y": s, "x": s}, {"t": r, "y": s, "x": s}
        self.cells = {"t": r, "y": s // CELL, "x": s // CELL}
        picture, cells = 3 * s**2, 2 * (s // CELL) ** 2
        for name, value in {
            "mean": torch.zeros(picture),
            "picture_basis": torch.zeros(latent_channels, picture),
            "picture_scale": torch.ones(latent_channels),
            "motion_basis": torch.zeros(motion_channels, r * cells),
            "residual_basis": torch.zeros(latent_channels - motion_channels, r * picture),
            "scale": torch.ones(latent_channels),
        }.items():
            self.register_parameter(name, torch.nn.Parameter(value, requires_grad=False))
        self.register_buffer("latents_mean", torch.zeros(latent_channels), persistent=False)
        self.register_buffer("latents_std", torch.ones(latent_channels), persistent=False)

    def encode(self, x: Video, motion: Motion | None = None) -> AutoencoderKLOutput:
        """Return the distribution of a clip's latents, which is (nearly) a point.

        `motion` may be another clip's: an edit moves as its source does.
        """
        light = to_light(x)
        first = (cut(light[:, :, :1], **self.picture) - self.mean) @ self.picture_basis.T
        first = first / self.picture_scale
        z = first.movedim(-1, 1)
        if x.shape[2] > 1:
            moved = motion_to_first(x) if motion is None else motion
            d = cut(moved, **self.cells) @ self.motion_basis.T
            unexplained = light[:, :, 1:] - warp(self._first_frame(first), self._motion(d))
            residual = cut(unexplained, **self.block) @ self.residual_basis.T
            later = torch.cat([d, residual], dim=-1) / self.scale
            z = torch.cat([z, later.movedim(-1, 1)], dim=2)
        sure = torch.cat([z, torch.full_like(z, NO_NOISE)], dim=1)
        return AutoencoderKLOutput(latent_dist=DiagonalGaussianDistribution(sure))

    def decode(
        self,
        z: Latents,
        temb: Tensor | None = None,
        return_dict: bool = True,
        source: tuple[Video, Latents] | None = None,
    ) -> DecoderOutput | tuple[Tensor]:
        """Return the clip of latents: the first frame, and the others made from it.

        `source`, a clip and its latents, is what an edit was drawn beside: see above.
        """
        video = self._first_frame(z.movedim(1, -1)[:, :1])
        if z.shape[2] > 1:
            motion, residual = self._later(z)
            if source is not None:
                start, lost_motion, lost_residual = self._lost(*source)
                near = agreement(z, source[1], residual) * unchanged(video, start, motion)
                motion, residual = motion + near * lost_motion, residual + near * lost_residual
            video = torch.cat([video, warp(video, motion) + residual], dim=2)
        video = to_pixels(video)
        return DecoderOutput(sample=video) if return_dict else (video,)

    def _later(self, z: Latents) -> tuple[Motion, Residual]:
        """Return motion and residual of every pixel."""
        later = z.movedim(1, -1)[:, 1:] * self.scale  # (B, F-1, H, W, C)
        channels = [len(self.motion_basis), len(self.residual_basis)]
        motion, residual = later.split(channels, dim=-1)
        residual = join(residual @ self.residual_basis, **self.block)
        return of_pixels(self._motion(motion), residual), residual

    def _lost(self, clip: Video, z: Latents) -> tuple[Picture, Motion, Residual]:
        """Return a clip's first frame, and what its latents z lost of its motion and residual."""
        (kept_motion, kept), motion = self._later(z), motion_to_first(clip, cell=1)
        start = self._first_frame(z.movedim(1, -1)[:, :1])
        return start, motion - kept_motion, to_light(clip)[:, :, 1:] - warp(start, motion) - kept

    def _motion(self, components: Float[Tensor, "batch f h w motion_channels"]) -> Motion:
        return join(components @ self.motion_basis, **self.cells)

    def _first_frame(self, z: Float[Tensor, "batch 1 h w c"]) -> Picture:
        return join(self.mean + (z * self.picture_scale) @ self.picture_basis, **self.picture)


def cut(values: Float[Tensor, "b c frames rows columns"], **size: int) -> Blocks:
    """Cut pixels or cells into blocks of t frames, y rows and x columns."""
    return rearrange(values, "b c (f t) (h y) (w x) -> b f h w (c t y x)", **size)


def join(blocks: Blocks, **size: int) -> Float[Tensor, "b c frames rows columns"]:
    """Undo `cut`."""
    return rearrange(blocks, "b f h w (c t y x) -> b c (f t) (h y) (w x)", **size)


def to_light(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return logarithms of brightness, of which black has one, too."""
    return ((x.clamp(-1, 1) + 1) / 2 + BLACK).log()


def to_pixels(light: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Undo `to_light`."""
    return (light.exp() - BLACK) * 2 - 1


def motion_to_first(x: Video, cell: int = CELL) -> Motion:
    """Estimate where every cell of later frames was in the first: how far right, and down.

    In pixels, as is the side of a cell. Each frame's estimate starts from that of the frame before;
    DIS of OpenCV (Kroeger et al. 2016), on brightness without local mean and contrast, so that
    moving light is no motion.
    """
    frames = ((x.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 4, 1).cpu().numpy()
    flows = torch.from_numpy(np.stack([_flows(clip) for clip in frames]))  # (B, F-1, H, W, 2)
    cells = F.avg_pool2d(flows.movedim(-1, 2).flatten(0, 1), cell)
    return cells.unflatten(0, flows.shape[:2]).transpose(1, 2).to(x)


def _flows(frames: np.ndarray) -> np.ndarray:
    height, width = frames.shape[1:3]
    enlarged = round(width * FINER), round(height * FINER)
    grays = [_without_light(frame, enlarged) for frame in frames]
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow, found = np.zeros((*grays[0].shape, 2), np.float32), []
    for gray in grays[1:]:
        flow = dis.calc(gray, grays[0], flow.copy())
        small = cv2.resize(flow, (width, height), interpolation=cv2.INTER_AREA)
        found.append(small * (width / enlarged[0]))
    return np.stack(found)


def _without_light(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    gray = cv2.resize(gray, size, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    detail = gray - cv2.GaussianBlur(gray, (0, 0), AROUND)
    contrast = np.sqrt(cv2.GaussianBlur(detail**2, (0, 0), AROUND) + FAINT**2)
    return np.clip(128 + 40 * detail / contrast, 0, 255).astype(np.uint8)


def warp(first: Picture, motion: Motion) -> Video:
    """Return later frames: each pixel is that of the first frame to which its motion points."""
    batch, _, _, height, width = first.shape
    later = motion.shape[2]
    fine = of_pixels(motion, first).transpose(1, 2).flatten(0, 1)
    grid = F.affine_grid(
        torch.eye(2, 3).to(fine).expand(len(fine), -1, -1),
        [len(fine), 3, height, width],
        align_corners=False,
    )
    grid = grid + fine.movedim(1, -1) * torch.tensor([2 / width, 2 / height]).to(fine)
    start = first[:, :, 0].repeat_interleave(later, 0)
    moved = F.grid_sample(start, grid, "bicubic", padding_mode="border", align_corners=False)
    return moved.unflatten(0, (batch, later)).transpose(1, 2)


def of_pixels(
    values: Float[Tensor, "b c frames _ _"], like: Float[Tensor, "b _ _ height width"]
) -> Float[Tensor, "b c frames height width"]:
    """Interpolate values of cells, frame by frame, to the pixels of a clip or picture."""
    size = (values.shape[2], *like.shape[3:])
    return F.interpolate(values, size, mode="trilinear", align_corners=False)


def agreement(z: Latents, other: Latents, like: Video) -> Float[Tensor, "b 1 frames height width"]:
    """Return for every later pixel how nearly two latents are the same, from 0 to 1."""
    gap = (z - other)[:, :, 1:].square().mean(1, keepdim=True)
    near = of_pixels((-gap / NEAR).exp(), like)
    return near.repeat_interleave(like.shape[2] // near.shape[2], dim=2)


def unchanged(
    edited: Picture, start: Picture, motion: Motion
) -> Float[Tensor, "b 1 frames height width"]:
    """Return for every later pixel whether an edit left alone what it shows, from 0 to 1."""
    change = (edited - start).abs().amax(1, keepdim=True)
    change = F.max_pool3d(change, (1, 3, 3), stride=1, padding=(0, 1, 1))  # its border, too
    return (-((warp(change.expand_as(start), motion)[:, :1] / CHANGE) ** 2)).exp()


Autoencoder = AutoencoderKLLTXVideo | MotionAutoencoder
