from functools import partial
from types import SimpleNamespace

import pytest
import torch

from synclora_course.checks.image_to_video import check_transformer_block
from synclora_course.growing import solved_names
from tests.checks.contract import exercises, hold


def levels(x0, sigma):
    return sigma.view(-1, *[1] * (x0.ndim - 1))


def exchanged(x0, noise, sigma):
    s = levels(x0, sigma)
    return s * x0 + (1 - s) * noise, noise - x0


def turned(x0, noise, sigma):
    s = levels(x0, sigma)
    return (1 - s) * x0 + s * noise, x0 - noise


def one_sigma(x0, noise, sigma):
    return (1 - sigma[0]) * x0 + sigma[0] * noise, noise - x0


def walk(velocity, x, sigmas, sign=1, ask=0, last=None):
    for k in range(len(sigmas) - 1)[:last]:
        x = x + sign * (sigmas[k + 1] - sigmas[k]) * velocity(x, sigmas[k + ask])
    return x


def even_steps(velocity, x, sigmas):
    for k in range(len(sigmas) - 1):
        x = x - velocity(x, sigmas[k]) / (len(sigmas) - 1)
    return x


def positions(
    frames, height, width, spatial, temporal, rate, start=None, order=(0, 1, 2), turn=(1, 2, 3)
):
    k = torch.arange(frames).float()
    starts = start(k, temporal) if start else (temporal * (k - 1) + 1).clamp(min=0)
    y, x = torch.arange(height) * float(spatial), torch.arange(width) * float(spatial)
    grid = torch.stack(torch.meshgrid(starts / rate, y, x, indexing="ij"))
    return grid.permute(0, *turn).flatten(1)[list(order)]


def rotated(x, angles, sign=1, interleave=True):
    even, odd = x[..., ::2], x[..., 1::2]
    cos, sin = angles.cos(), sign * angles.sin()
    parts = [even * cos - odd * sin, even * sin + odd * cos]
    return torch.stack(parts, -1).flatten(-2) if interleave else torch.cat(parts, -1)


def halves(x, angles):
    first, second = x.chunk(2, -1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)


def sigmas_with(clean):
    def token_sigmas(sigma, frames, height, width):
        out = sigma[:, None].repeat(1, frames * height * width)
        out[:, clean(frames, height, width)] = 0
        return out

    return token_sigmas


book = SimpleNamespace(**solved_names())


def block(
    layers, x, modulation, caption, angles, reference_tokens=0,
    *, ones=(1, 1), gated=(True, True), keep=(1, 1, 1), lines=(1, 1), axis=2,
):  # fmt: skip
    six = (layers.scale_shift_table + modulation).unbind(axis)
    shift, scale, gate, shift_f, scale_f, gate_f = six
    gate, gate_f = (g if on else 1 for g, on in zip((gate, gate_f), gated, strict=True))
    h = layers.norm1(x) * (ones[0] + scale) + shift
    x = keep[0] * x + lines[0] * gate * book.self_attention(layers.attn1, h, angles)
    x = keep[1] * x + book.caption_attention(layers.attn2, x, caption)
    h = layers.norm2(x) * (ones[1] + scale_f) + shift_f
    return keep[2] * x + lines[1] * gate_f * layers.ff(h)


def loss(velocity, x0, noise, sigmas, *, flip=1, clean=False, per=None):
    error = (velocity - flip * (noise - x0)).square().mean(-1)
    counts = torch.ones_like(sigmas) if clean else (sigmas > 0).float()
    return (error * counts).sum(1) / (per or counts.sum(1))


def sampler(predict, first_frame, noise, levels, *, hold=True, tell=True, place=True):
    frames, height, width = noise.shape[2:]
    given = height * width

    def velocity(x, sigma):
        sigmas = book.token_sigmas(sigma.repeat(len(x)), frames, height, width)
        v = predict(x, sigmas if tell else torch.full_like(sigmas, float(sigma))).clone()
        v[:, : given * hold] = 0
        return v

    start = book.pack(noise)
    if place:
        start = torch.cat([book.pack(first_frame), start[:, given:]], 1)
    return book.unpack(book.euler(velocity, start, levels), frames, height, width)


WRONG = {
    "check_noise_and_velocity": [
        (exchanged, "exchanged"),
        (turned, "sign"),
        (one_sigma, "`view`"),
    ],
    "check_euler": [
        (lambda v, x, s: walk(v, x, s, sign=-1), "wrong way"),
        (lambda v, x, s: walk(v, x, s, ask=1), "where you are"),
        (lambda v, x, s: walk(v, x, s, last=-1), "last step"),
        (even_steps, "distances differ"),
    ],
    "check_token_positions": [
        (partial(positions, start=lambda k, r: r * k), "uniform"),
        (partial(positions, start=lambda k, r: (r * (k - 1)).clamp(min=0)), r"\+1"),
        (partial(positions, order=(0, 2, 1)), "exchanged"),
        (partial(positions, start=lambda k, r: r * (k - 1) + 1), "negative"),
        (partial(positions, turn=(1, 3, 2)), "yours is frame, column, row"),
        (partial(positions, turn=(2, 1, 3)), "yours is row, frame, column"),
    ],
    "check_transformer_block": [
        (partial(block, ones=(0, 0)), "added to 1"),
        (partial(block, ones=(0, 1)), "first line the scale"),
        (partial(block, ones=(1, 0)), "third line the scale"),
        (partial(block, gated=(False, False)), "gates are missing"),
        (partial(block, gated=(False, True)), "first line is without its gate"),
        (partial(block, gated=(True, False)), "third line is without its gate"),
        (partial(block, keep=(0, 0, 0)), "adds to x"),
        (partial(block, keep=(0, 1, 1)), "residual of self-attention"),
        (partial(block, keep=(1, 0, 1)), "residual of the caption's attention"),
        (partial(block, keep=(1, 1, 0)), "residual of the feed-forward"),
        (partial(block, lines=(0, 1)), "self-attention, was left out"),
        (partial(block, lines=(1, 0)), "feed-forward layers, was left out"),
        (partial(block, axis=1), "on axis 2"),
        (block, "`reference_tokens` is not passed on"),
    ],
    "check_flow_loss": [
        (partial(loss, clean=True), "clean tokens"),
        (partial(loss, flip=-1), "noise minus data"),
        (partial(loss, per=12), "number of noisy tokens"),
    ],
    "check_sample": [
        (partial(sampler, hold=False), "has moved"),
        (partial(sampler, tell=False), "told to be noisy"),
        (partial(sampler, place=False), "come from `first_frame`"),
    ],
    "check_rotate": [
        (lambda x, a: rotated(x, a, sign=-1), "sign"),
        (lambda x, a: rotated(x, a, interleave=False), "woven"),
        (halves, "neighbouring"),
    ],
    "check_token_sigmas": [
        (sigmas_with(lambda f, h, w: slice(0, 0)), "given"),
        (sigmas_with(lambda f, h, w: 0), "not one"),
        (sigmas_with(lambda f, h, w: slice(h * w, None)), "others"),
    ],
}


@pytest.mark.parametrize("exercise", exercises("04"), ids=lambda e: e.identifier)
def test_the_contract_holds(exercise):
    hold(exercise, WRONG)


@pytest.mark.parametrize("own", [None, "what chapter 5 left"])
def test_the_block_is_tried_with_a_reference_before_chapter_5_is_written(own):
    chapter_4 = solved_names()
    del chapter_4["attend_with_reference"]
    if own:
        chapter_4["attend_with_reference"] = own
    passed = check_transformer_block(chapter_4["transformer_block"])
    assert any("reference tokens" in words for words in passed.properties)
    assert chapter_4.get("attend_with_reference") == own
