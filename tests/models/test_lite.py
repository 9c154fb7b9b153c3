"""The lite model's two networks: what they promise diffusers, and each other."""

import torch
import torch.nn.functional as F
from diffusers import FlowMatchEulerDiscreteScheduler, LTXImageToVideoPipeline

from recipes.lite_latents import fit_components
from synclora_lite.core import (
    Conditioning,
    inference_sigmas,
    pack,
    predict_velocity,
    sample,
    token_coordinates,
)
from synclora_lite.models import I2VModel, decode, encode, encode_pair, load_model, save_model
from synclora_lite.models.autoencoder import (
    MotionAutoencoder,
    motion_to_first,
    to_light,
    to_pixels,
    warp,
)
from synclora_lite.models.latents import to_model_range
from synclora_lite.models.transformer import PreconditionedLTXTransformer
from synclora_lite.portraits import held_out, render_batch


def clips(count: int = 4) -> torch.Tensor:
    cases = held_out(1, count, frames=9)
    frames = render_batch([c.source for c in cases], [c.motion for c in cases], 64)
    return frames.permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def fitted(channels: int) -> MotionAutoencoder:
    vae = MotionAutoencoder(channels, motion_channels=min(16, channels // 2))
    fit_components(vae, [torch.stack([clips(), clips()], dim=1)])
    return vae


def small_transformer(channels: int) -> PreconditionedLTXTransformer:
    torch.manual_seed(0)
    transformer = PreconditionedLTXTransformer(
        in_channels=channels,
        out_channels=channels,
        num_attention_heads=2,
        attention_head_dim=24,
        cross_attention_dim=48,
        num_layers=2,
        caption_channels=8,
    )
    transformer.latent_deviation.copy_(torch.rand(channels) * 3 + 0.1)
    return transformer.eval()


def small_model(channels: int = 16) -> I2VModel:
    return I2VModel(
        fitted(channels),
        small_transformer(channels),
        FlowMatchEulerDiscreteScheduler(shift=2.0),
        torch.randn(1, 1, 8),
    )


def test_more_components_keep_more_of_a_clip():
    video = clips()
    errors = [(fitted(n).decode(fitted(n).encode(video)[0].mode()).sample - video) for n in (8, 64)]
    assert errors[1].square().mean() < 0.2 * errors[0].square().mean()


def test_motion_and_residuals_are_uncorrelated_and_of_mean_square_one():
    z = fitted(128).encode(clips()).latent_dist.mode()[:, :, 1:].movedim(1, -1).flatten(0, 3)
    for part in (z[:, :16], z[:, 16:32]):
        moments = part.T @ part / len(z)
        spread = moments.diagonal().sqrt()
        assert (moments / torch.outer(spread, spread) - torch.eye(16)).abs().max() < 0.1
    assert torch.isclose(z.square().mean(), torch.tensor(1.0), atol=0.1)


def test_a_clip_may_take_the_motion_of_another_and_is_still_itself():
    vae, (source, edited) = fitted(128), clips(2).split(1)
    of_source, of_edited = encode_pair(vae, source, edited).unbind(1)
    assert torch.equal(of_source, encode(vae, source))
    assert torch.equal(of_edited[:, :16, 1:], of_source[:, :16, 1:])
    assert not torch.equal(of_edited[:, 16:], of_source[:, 16:])
    error = (decode(vae, of_edited) - edited).square().mean()
    assert error < 0.2 * (decode(vae, of_source) - edited).square().mean()


def test_beside_its_source_an_edit_gets_back_what_latents_lost_of_it():
    vae, case = fitted(64), held_out(1, 1, frames=9)[0]
    frames = render_batch([case.source, case.edited], [case.motion] * 2, 64)
    source, edited = to_model_range(frames).split(1)
    coded, drawn = encode_pair(vae, source, edited).unbind(1)
    assert (decode(vae, coded) - source)[:, :, 1:].abs().max() > 0.1
    assert (decode(vae, coded, (source, coded)) - source)[:, :, 1:].abs().max() < 0.02
    copied = torch.cat([drawn[:, :, :1], coded[:, :, 1:]], dim=2)
    plain, beside = decode(vae, copied), decode(vae, copied, (source, coded))
    assert (beside - edited).square().mean() < 0.9 * (plain - edited).square().mean()


def test_what_an_edit_changed_gets_nothing_of_its_source():
    vae, source = fitted(64), clips(1)
    coded = encode(vae, source)
    dark = encode(vae, source[:, :, :1] * 0 - 1)  # all of the first frame
    copied = torch.cat([dark, coded[:, :, 1:]], dim=2)
    beside = decode(vae, copied, (source, coded))
    bright = (source[:, :, 1:] > 0).all(1, keepdim=True).expand(-1, 3, -1, -1, -1)
    assert bright.any()
    assert (beside - decode(vae, copied))[:, :, 1:][bright].abs().max() < 0.05


def test_what_is_drawn_without_regard_to_a_source_gets_nothing_of_it():
    vae, (source, other) = fitted(64), clips(2).split(1)
    coded, drawn = encode(vae, source), 5 + encode(vae, other)
    assert torch.allclose(decode(vae, drawn, (source, coded)), decode(vae, drawn), atol=1e-3)


def test_light_of_half_is_one_number_of_residual_and_black_stays_black():
    ramp = torch.linspace(-1, 1, 11)
    assert torch.allclose(to_pixels(to_light(ramp)), ramp, atol=1e-5)
    bright, dim = torch.tensor([-0.2, 0.2, 0.9]), torch.tensor([-0.6, -0.4, -0.05])  # halved
    change = to_light(bright) - to_light(dim)
    assert change.max() - change.min() < 0.1


def test_a_picture_that_moves_is_all_motion():
    start = F.interpolate(torch.rand(1, 3, 24, 24), (64, 64), mode="bicubic").clamp(0, 1) * 2 - 1
    video = torch.stack([start.roll(k, -1) for k in range(9)], 2)
    motion = motion_to_first(video)[..., 4:-4, 4:-4]  # what enters at a border was nowhere
    wanted = -torch.arange(1, 9.0)[:, None, None].expand_as(motion[0, 0])
    assert torch.allclose(motion[0, 0], wanted, atol=0.3)
    assert torch.allclose(motion[0, 1], torch.zeros_like(wanted), atol=0.3)
    moved = warp(video[:, :, :1], motion_to_first(video))
    assert (moved - video[:, :, 1:])[..., 16:-16].abs().mean() < 0.05


def test_first_and_later_latents_have_the_same_deviations():
    z = fitted(64).encode(clips()).latent_dist.mode().movedim(1, -1)
    first, later = (part.flatten(0, 3).square().mean(0).sqrt() for part in (z[:, :1], z[:, 1:]))
    assert torch.allclose(first, later, rtol=0.5)


def test_a_still_clip_is_a_picture_and_zeros():
    vae, still = fitted(64), clips()[:, :, :1].expand(-1, -1, 9, -1, -1)
    z = vae.encode(still).latent_dist.mode()
    z[:, :, 1:] = 0
    video = vae.decode(z).sample
    assert torch.allclose(video, video[:, :, :1].expand_as(video), atol=1e-3)
    assert (video - still).square().mean() < 0.01 * still.square().mean()


def test_the_first_frame_is_encoded_without_the_others():
    vae, video = fitted(16), clips()
    whole, alone = (vae.encode(v).latent_dist.mode() for v in (video, video[:, :, :1]))
    assert torch.allclose(whole[:, :, :1], alone, atol=1e-5)


def test_factors_give_the_best_linear_guess():
    """With a network that says nothing, x_t - sigma v is the guess with the least squared error."""
    generator = torch.Generator().manual_seed(0)
    deviation, sigma = torch.tensor([0.3, 1.0, 4.0]), 0.6
    x = deviation * torch.randn(200_000, 3, generator=generator)
    noisy = (1 - sigma) * x + sigma * torch.randn(x.shape, generator=generator)
    transformer = small_transformer(3)
    transformer.latent_deviation.copy_(deviation)
    c_in, c_skip, c_out = transformer.preconditioning(torch.full((1, 1, 1), sigma))
    guess = noisy - sigma * c_skip[0] * noisy
    best = (x * noisy).sum(0) / noisy.square().sum(0)
    assert torch.allclose(guess / noisy, best.expand_as(noisy), atol=0.01)
    assert torch.allclose((c_in[0] * noisy).std(0), torch.ones(3), atol=0.01)
    open_part = (x - guess) / (-sigma * c_out[0])
    assert torch.allclose(open_part.std(0), torch.ones(3), atol=0.01)


def test_core_and_stock_forward_agree():
    transformer, latents = small_transformer(16), torch.randn(2, 12, 16)
    coordinates = token_coordinates(3, 2, 2, spatial_ratio=16, temporal_ratio=4, frame_rate=12.0)
    caption, sigmas = torch.randn(1, 1, 8), torch.tensor([[0.0, 0.5, 0.5], [0.0, 0.9, 0.9]])
    with torch.no_grad():
        ours = predict_velocity(transformer, latents, sigmas, caption, coordinates)
        stock = transformer(
            latents,
            caption.expand(2, -1, -1),
            1000 * sigmas.repeat_interleave(4, dim=1),
            encoder_attention_mask=torch.ones(2, 1),
            num_frames=3,
            height=2,
            width=2,
            video_coords=coordinates[None].expand(2, -1, -1),
        ).sample
    assert torch.allclose(ours, stock, atol=1e-5)


def test_a_saved_model_is_loaded_with_its_own_classes(tmp_path):
    model = small_model()
    loaded = load_model(save_model(model, tmp_path))
    assert isinstance(loaded.vae, MotionAutoencoder)
    assert torch.equal(loaded.transformer.latent_deviation, model.transformer.latent_deviation)
    video = clips()
    assert torch.allclose(encode(loaded, video), encode(model, video), atol=1e-5)


def test_the_stock_pipeline_makes_the_same_clip():
    model, video = small_model(), clips(1)
    pipe = LTXImageToVideoPipeline(
        vae=model.vae,
        transformer=model.transformer,
        scheduler=model.scheduler,
        text_encoder=None,
        tokenizer=None,
    )
    pipe.set_progress_bar_config(disable=True)
    noise = torch.randn(1, 16, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    first = encode(model, video[:, :, :1])
    stock = pipe(
        image=((video[0, :, 0] + 1) / 2)[None],
        prompt_embeds=model.caption,
        prompt_attention_mask=torch.ones(1, 1),
        height=64,
        width=64,
        num_frames=9,
        frame_rate=12,
        num_inference_steps=3,
        guidance_scale=1.0,
        latents=pack(torch.cat([first, noise[:, :, 1:]], dim=2)),
        output_type="latent",
        return_dict=False,
    )[0]
    places = token_coordinates(
        3, 8, 8, spatial_ratio=8, temporal_ratio=4, frame_rate=12.0, positions="uniform"
    )
    sigmas = inference_sigmas(model.scheduler, 3, tokens=192)
    ours = sample(model.transformer, first, noise, sigmas, Conditioning(model.caption, places))
    assert torch.allclose(stock, pack(ours), atol=1e-4)
