"""The I2V room against the stock LTX classes and pipelines of diffusers."""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import LTXConditionPipeline, LTXImageToVideoPipeline
from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXVideoCondition
from diffusers.pipelines.ltx.pipeline_ltx_image2video import calculate_shift
from PIL import Image

from synclora_course.tiny_ltx import TINY_TRANSFORMER, TINY_VAE, create_model, tiny_model
from synclora_lite.core import (
    add_noise,
    inference_sigmas,
    latent_frame_starts,
    pack,
    predict_velocity,
    reference_cache,
    sample,
    sample_sigmas,
    scheduler_shift,
    token_shift,
    unpack,
    velocity_target,
)
from synclora_lite.errors import ModelError
from synclora_lite.models import I2VModel, decode, denoise, encode, load_model, save_model

DYNAMIC = {"use_dynamic_shifting": True, "base_shift": 0.95, "max_shift": 2.05}
SCHEDULERS: list[dict[str, Any]] = [
    {},
    {"shift": 3.0},
    DYNAMIC,
    {**DYNAMIC, "shift_terminal": 0.1},
]
SIZE = (3, 2, 2)  # latent frames, rows, columns


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pipeline_inputs(model: I2VModel, batch: int = 1) -> dict[str, Any]:
    return {
        "prompt_embeds": model.caption.expand(batch, -1, -1),
        "prompt_attention_mask": torch.ones(batch, model.caption.shape[1]),
        "height": 32,
        "width": 32,
        "num_frames": 9,
        "frame_rate": model.frame_rate,
        "num_inference_steps": 5,
        "guidance_scale": 1.0,
        "output_type": "latent",
        "return_dict": False,
    }


def components(model: I2VModel) -> dict[str, Any]:
    return {
        "vae": model.vae,
        "transformer": model.transformer,
        "scheduler": model.scheduler,
        "text_encoder": None,
        "tokenizer": None,
    }


# --- flow


def test_velocity_is_the_slope_of_the_noising_line() -> None:
    clean, pure = noise(2, 3, 4), noise(2, 3, 4, seed=1)
    sigmas, step = torch.tensor([0.2, 0.7]), 1e-3
    slope = (add_noise(clean, pure, sigmas + step) - add_noise(clean, pure, sigmas)) / step
    assert torch.allclose(slope, velocity_target(clean, pure), atol=1e-3)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_inference_sigmas_are_those_the_pipeline_sets(scheduler: dict[str, Any]) -> None:
    model = tiny_model(scheduler=scheduler, positions="uniform")
    pipe = LTXImageToVideoPipeline(**components(model))
    pipe.set_progress_bar_config(disable=True)
    pipe(latents=noise(1, 12, 8), **pipeline_inputs(model))
    ours = inference_sigmas(model.scheduler, 5, tokens=12)
    assert torch.equal(ours, pipe.scheduler.sigmas)


def test_token_shift_is_calculate_shift() -> None:
    scheduler = tiny_model(scheduler=DYNAMIC).scheduler
    for tokens in (12, 256, 1000):
        assert math.isclose(
            token_shift(tokens, scheduler), calculate_shift(tokens, 256, 4096, 0.95, 2.05)
        )
    assert scheduler_shift(80, scheduler) == token_shift(80, scheduler)
    assert scheduler_shift(80, tiny_model(scheduler={"shift": 3.0}).scheduler) == math.log(3.0)


def test_a_logit_normal_with_a_mean_is_a_shifted_one_without() -> None:
    plain = sample_sigmas(1000, torch.Generator().manual_seed(3), uniform=0.0)
    moved = sample_sigmas(1000, torch.Generator().manual_seed(3), mu=1.5, uniform=0.0)
    assert torch.allclose(torch.sigmoid(torch.logit(plain) + 1.5), moved, atol=1e-5)


def test_a_tenth_of_the_training_sigmas_is_uniform() -> None:
    generator = torch.Generator().manual_seed(0)
    narrow = sample_sigmas(20_000, generator, std=1e-3, uniform=0.1)
    away = ((narrow - 0.5).abs() > 0.01).float().mean()
    assert 0.085 < away < 0.115
    assert narrow.min() > 0
    assert narrow.max() <= 1


# --- coordinates


def test_latent_frames_start_where_the_causal_autoencoder_puts_them() -> None:
    assert latent_frame_starts(4, 4).tolist() == [0, 1, 5, 9]
    assert latent_frame_starts(4, 4, "uniform").tolist() == [0, 4, 8, 12]


def test_uniform_coordinates_are_those_of_the_stock_rotary_embedding() -> None:
    model = tiny_model(positions="uniform")
    rope = model.transformer.rope
    scale = (model.temporal_ratio / model.frame_rate, model.spatial_ratio, model.spatial_ratio)
    stock = rope(noise(1, 12, 8), *SIZE, rope_interpolation_scale=scale)
    ours = rope(noise(1, 12, 8), video_coords=model.coordinates(*SIZE)[None])
    assert torch.allclose(stock[0], ours[0], atol=1e-5)
    assert torch.allclose(stock[1], ours[1], atol=1e-5)


def test_causal_coordinates_are_those_of_the_condition_pipeline() -> None:
    model = tiny_model()
    ids = LTXConditionPipeline._prepare_video_ids(1, *SIZE)
    stock = LTXConditionPipeline._scale_video_ids(ids, model.spatial_ratio, model.temporal_ratio)
    seconds = stock.float() * torch.tensor([1 / model.frame_rate, 1, 1])[:, None]
    assert torch.allclose(model.coordinates(*SIZE), seconds[0])


# --- one pass through the transformer


def stock_velocity(model: I2VModel, x: torch.Tensor, sigmas: torch.Tensor) -> torch.Tensor:
    per_token = sigmas.repeat_interleave(x.shape[1] // sigmas.shape[1], dim=1) * 1000
    output: torch.Tensor = model.transformer(
        hidden_states=x,
        encoder_hidden_states=model.caption.expand(len(x), -1, -1),
        timestep=per_token,
        encoder_attention_mask=None,
        video_coords=model.coordinates(*SIZE).expand(len(x), -1, -1),
        return_dict=False,
    )[0]
    return output


@pytest.mark.parametrize("caption_tokens", [1, 3])
@pytest.mark.parametrize("width", [(2, 16), (2, 20)])  # 40 channels do not divide by six
def test_our_pass_equals_the_stock_forward(caption_tokens: int, width: tuple[int, int]) -> None:
    sizes = {
        "num_attention_heads": width[0],
        "attention_head_dim": width[1],
        "cross_attention_dim": width[0] * width[1],
    }
    made = create_model(TINY_VAE, TINY_TRANSFORMER | sizes)
    model = I2VModel(made.vae, made.transformer, made.scheduler, noise(1, caption_tokens, 8))
    x, sigmas = noise(2, 12, 8), torch.tensor([[0.0, 0.3, 0.3], [0.0, 0.9, 0.9]])
    stock = stock_velocity(model, x, sigmas)
    ours = predict_velocity(model.transformer, x, sigmas, model.caption, model.coordinates(*SIZE))
    assert (stock - ours).abs().max() < 1e-5


def test_our_gradients_equal_the_stock_gradients() -> None:
    model = tiny_model()
    x, sigmas = noise(2, 12, 8), torch.tensor([[0.0, 0.3, 0.3], [0.0, 0.9, 0.9]])
    gradients = []
    for checkpointing, run in ((False, "stock"), (False, "ours"), (True, "ours")):
        model.transformer.zero_grad()
        model.transformer.gradient_checkpointing = checkpointing
        if run == "stock":
            out = stock_velocity(model, x, sigmas)
        else:
            out = predict_velocity(
                model.transformer, x, sigmas, model.caption, model.coordinates(*SIZE)
            )
        out.square().mean().backward()
        gradients.append(
            {
                n: p.grad.clone()
                for n, p in model.transformer.named_parameters()
                if p.grad is not None
            }
        )
    stock, ours, recomputed = gradients
    assert all(torch.allclose(stock[n], ours[n], atol=1e-5) for n in ours)
    assert all(torch.allclose(ours[n], recomputed[n], atol=1e-6) for n in ours)
    skipped = set(stock) - set(ours)  # queries and keys over one caption token
    assert all(stock[n].abs().max() < 1e-7 for n in skipped)
    assert all("attn2" in n for n in skipped)


def test_a_reference_that_sees_only_itself_can_be_cached() -> None:
    model = tiny_model()
    reference, x = noise(2, 12, 8, seed=1), noise(2, 12, 8)
    place = model.coordinates(*SIZE)
    sigmas = torch.tensor([[0.0, 0, 0, 0, 0.6, 0.6]]).repeat(2, 1)
    arguments: dict[str, Any] = {"reference_tokens": 12}
    joint = torch.cat([reference, x], dim=1), sigmas, model.caption, torch.cat([place, place], 1)
    masked = predict_velocity(model.transformer, *joint, layout="reference-self", **arguments)
    full = predict_velocity(model.transformer, *joint, layout="full", **arguments)
    cache = reference_cache(model.transformer, reference, model.caption, place)
    cached = predict_velocity(
        model.transformer, x, sigmas[:, 3:], model.caption, place, cache=cache
    )
    assert (masked[:, 12:] - cached).abs().max() < 1e-5
    assert (full[:, 12:] - cached).abs().max() > 1e-4


# --- latents


def test_pack_is_the_pipelines_and_unpack_undoes_it() -> None:
    latents = noise(2, 8, *SIZE)
    assert torch.equal(pack(latents), LTXImageToVideoPipeline._pack_latents(latents))
    assert torch.equal(unpack(pack(latents), *SIZE), latents)


def test_encode_and_decode_keep_sizes_and_undo_the_normalisation() -> None:
    model = tiny_model()
    video = noise(1, 3, 9, 32, 32).clamp(-1, 1)
    raw = model.vae.encode(video).latent_dist.mode()
    plain = decode(model, raw)
    model.vae.latents_mean.fill_(0.5)
    model.vae.latents_std.fill_(2.0)
    latents = encode(model, video)
    assert latents.shape == (1, 8, 3, 2, 2)
    assert torch.allclose(latents, (raw - 0.5) / 2)
    assert torch.allclose(decode(model, latents), plain, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 3, 8, 32, 32), "8 frames; expected 4k+1 frames; trim to 5 or pad to 9 frames"),
        ((1, 3, 9, 30, 32), "a clip of 32x30 pixels; expected multiples of 16; .* 32x32"),
    ],
)
def test_illegal_sizes_name_the_nearest_legal_ones(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ModelError, match=message.replace("+", r"\+")):
        encode(tiny_model(), torch.zeros(shape))


# --- sampling


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_sampler_matches_the_image_to_video_pipeline(scheduler: dict[str, Any]) -> None:
    model = tiny_model(scheduler=scheduler, positions="uniform")
    start = noise(2, 8, *SIZE)
    pipe = LTXImageToVideoPipeline(**components(model))
    pipe.set_progress_bar_config(disable=True)
    stock = pipe(latents=pack(start), **pipeline_inputs(model, 2))[0]
    ours = denoise(model, start[:, :, :1], start, steps=5)
    assert (pack(ours) - stock).abs().max() < 1e-4


def test_sampler_matches_the_condition_pipeline() -> None:
    model = tiny_model()
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None, :, None] / 127.5 - 1
    model.vae.latents_std.fill_(0.1)
    # the stock pipeline samples the posterior: make it so narrow that this is the mode
    model.vae.encoder.conv_out.conv.weight.data[-1] = 0
    model.vae.encoder.conv_out.conv.bias.data[-1] = -60
    pipe = LTXConditionPipeline(**components(model))
    pipe.set_progress_bar_config(disable=True)
    stock = pipe(
        conditions=[LTXVideoCondition(image=Image.fromarray(picture), frame_index=0)],
        image_cond_noise_scale=0.0,
        generator=torch.Generator().manual_seed(5),
        **pipeline_inputs(model),
    )[0]
    generator = torch.Generator().manual_seed(5)
    first = encode(model, pixels)
    start = torch.randn(1, 8, *SIZE, generator=generator)
    known = model.conditioning(SIZE)
    ours = sample(model.transformer, first, start, pipe.scheduler.sigmas, known)
    assert (ours - stock).abs().max() < 1e-4


def test_the_last_prediction_is_where_sampling_ends() -> None:
    model = tiny_model()
    first, seen = noise(1, 8, 1, 2, 2), list[torch.Tensor]()
    levels = inference_sigmas(model.scheduler, 3, 12)
    made = sample(
        model.transformer,
        first,
        noise(1, 8, *SIZE),
        levels,
        model.conditioning(SIZE),
        watch=seen.append,
    )
    assert len(seen) == 3
    torch.testing.assert_close(made, torch.cat([first, seen[-1]], dim=2))


def test_sampling_repeats_with_the_same_generator_and_at_any_width() -> None:
    model = tiny_model()
    first = noise(1, 8, 1, 2, 4)
    clips = [denoise(model, first, noise(1, 8, 3, 2, 4, seed=s), steps=2) for s in (1, 1, 2)]
    assert clips[0].shape == (1, 8, 3, 2, 4)
    assert torch.equal(clips[0], clips[1])
    assert not torch.equal(clips[0], clips[2])


# --- folders


def test_a_saved_model_comes_back_equal(tmp_path: Any) -> None:
    model = tiny_model(scheduler=DYNAMIC, positions="uniform")
    loaded = load_model(save_model(model, tmp_path / "small"))
    assert (loaded.name, loaded.positions, loaded.frame_rate) == ("small", "uniform", 12.0)
    start = noise(1, 8, *SIZE)
    before, after = (denoise(m, start[:, :, :1], start, steps=3) for m in (model, loaded))
    assert torch.allclose(before, after, atol=1e-5)


def test_stock_pipelines_load_the_folder(tmp_path: Any) -> None:
    model = tiny_model(positions="uniform")
    folder = save_model(model, tmp_path / "m", dtype=torch.float16)
    pipe = LTXImageToVideoPipeline.from_pretrained(
        folder, text_encoder=None, tokenizer=None, dtype=torch.float32
    )
    pipe.set_progress_bar_config(disable=True)
    start = noise(1, 8, *SIZE)
    stock = pipe(latents=pack(start), **pipeline_inputs(model))[0]
    ours = denoise(load_model(folder), start[:, :, :1], start, steps=5)
    assert (pack(ours) - stock).abs().max() < 1e-4
    assert model.transformer.dtype == torch.float32
    assert json.loads((folder / "synclora.json").read_text())["positions"] == "uniform"


def test_a_folder_without_a_model_is_a_clear_error(tmp_path: Any) -> None:
    with pytest.raises(ModelError, match="holds no vae; expected a model folder"):
        load_model(tmp_path)


def test_autocast_to_bfloat16_is_close_to_float32() -> None:
    model = tiny_model()
    x, sigmas = noise(2, 12, 8), torch.tensor([[0.0, 0.3, 0.3], [0.0, 0.9, 0.9]])
    arguments = (model.transformer, x, sigmas, model.caption, model.coordinates(*SIZE))
    exact = predict_velocity(*arguments)
    with torch.autocast("cpu", torch.bfloat16):
        rough = predict_velocity(*arguments)
    assert (rough.float() - exact).abs().max() < 0.05 * exact.abs().max()
