"""The autoencoder's start and the axes of its latents."""

import pytest
import torch
from diffusers import AutoencoderKLLTXVideo

from recipes.autoencoder import vae_config
from recipes.latent_axes import order_latents
from recipes.principal import blocks, principal, principal_start
from recipes.rendering import training_case
from synclora_lite.models import encode, tiny_model
from synclora_lite.models.latents import to_model_range
from synclora_lite.portraits import render_batch


@pytest.fixture(scope="module")
def clips():
    cases = [training_case(k, 5) for k in range(16)]
    video = render_batch([c.source for c in cases], [c.motion for c in cases], 48)
    return to_model_range(video)


def psnr(vae, clips):
    with torch.no_grad():
        decoded = vae.eval().decode(vae.encode(clips).latent_dist.mode()).sample
    return -10 * ((decoded - clips).square().mean() / 4).log10().item()


def test_blocks_hold_every_pixel_once_and_the_first_frame_as_often_as_a_block_is_long():
    video = torch.arange(3 * 5 * 16 * 16.0).view(1, 3, 5, 16, 16)
    rows = blocks(video, 8, 4)
    assert rows.shape == (2 * 2 * 2, 3 * 4 * 8 * 8)
    assert rows.sum() == video.sum() + 3 * video[:, :, 0].sum()
    assert torch.equal(rows[0].view(3, 4, 8, 8)[:, 3], video[0, :, 0, :8, :8])


def test_principal_directions_are_orthonormal_and_lose_less_than_any_others():
    rows = torch.randn(500, 12, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 13.0)
    kept = principal(rows, 4)
    assert torch.allclose(kept @ kept.T, torch.eye(4), atol=1e-5)
    others = torch.eye(12)[:4]
    assert (rows @ kept.T).square().sum() > (rows @ others.T).square().sum()
    assert (rows @ kept.T).square().mean(0).diff().max() < 0


def test_an_autoencoder_that_begins_with_principal_components_compresses_before_any_step(clips):
    torch.manual_seed(0)
    vae = AutoencoderKLLTXVideo(**vae_config(48, 64, 2))
    at_random = psnr(vae, clips)
    principal_start(vae, clips)
    assert psnr(vae, clips) > max(20, at_random + 6)
    assert vae.encode(clips[:1]).latent_dist.logvar.max() < -6


def test_other_axes_change_no_decoded_pixel_and_put_what_matters_first():
    vae = tiny_model().vae
    clips = [torch.rand(4, 3, 9, 32, 32, generator=g) * 2 - 1 for g in map(seeded, range(6))]
    before = vae.decode(vae.encode(clips[0]).latent_dist.mode()).sample
    deviation = order_latents(vae, clips)
    after = vae.decode(vae.encode(clips[0]).latent_dist.mode()).sample
    assert torch.allclose(before, after, atol=1e-4)
    latents = torch.cat([encode(vae, c) for c in clips]).transpose(0, 1).flatten(1)
    covariance = torch.cov(latents.detach())
    assert torch.allclose(covariance, torch.diag(deviation**2), atol=1e-3)
    assert latents.mean(1).abs().max() < 1e-3
    assert deviation.diff().max() <= 0
    assert deviation.square().mean().item() == pytest.approx(1, abs=1e-3)


def seeded(seed):
    return torch.Generator().manual_seed(seed)
