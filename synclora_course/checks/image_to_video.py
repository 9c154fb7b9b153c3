"""Checks of chapter 4: flow, steps, positions, rotation, noise levels, block, loss, sampler."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from synclora_course.checks.framework import Report, check
from synclora_course.checks.outcome import Hint
from synclora_course.tiny_ltx import tiny_model
from synclora_lite.core import pack, sample, token_coordinates
from synclora_lite.core.attention import attend, cross_attention, rms_norm, self_attention
from synclora_lite.viz import PALETTE, Picture, figure, style

Function = Callable[..., Any]


@check("4.1")
def check_noise_and_velocity(report: Report, noise_and_velocity: Function) -> None:
    """Check the mix of data and noise, and its velocity."""
    for shape in ((6, 2), (4, 3, 2, 5)):
        x0, noise = (torch.randn(shape, generator=report.generator) for _ in range(2))
        sigma = torch.rand(shape[0], generator=report.generator)
        got = report.call(noise_and_velocity, x0, noise, sigma)
        report.parts(got, 2, "return x_sigma, v", "two results")
        s = sigma.view(-1, *[1] * (len(shape) - 1))
        right, exchanged = (1 - s) * x0 + s * noise, s * x0 + (1 - s) * noise
        mistakes = {"at sigma = 0 there is no noise: the shares are exchanged": exchanged}
        hint = "give sigma as many axes as x0 has, with `view`, so that each sample has its own"
        report.close(got[0], right, "x_sigma is on the line", hint, mistakes=mistakes)
        mistakes = {
            "v points from data to noise: the sign is turned": x0 - noise,
            "the velocity is that of the whole line, not of the part walked": s * (noise - x0),
        }
        report.close(got[1], noise - x0, "v points from data to noise", mistakes=mistakes)


def _bend(x: Tensor, sigma: Any) -> Tensor:
    """A velocity field that turns and shrinks, different at every level."""
    turned = torch.stack([-x[:, 1], x[:, 0]], dim=1)
    return (1.5 - float(sigma)) * turned + 0.8 * float(sigma) * x + 0.5


def _walk(noise: Tensor, sigmas: list[float]) -> list[Tensor]:
    path = [noise]
    for now, then in pairwise(sigmas):
        path.append(path[-1] + (then - now) * _bend(path[-1], now))
    return path


@check("4.2")
def check_euler(report: Report, euler: Function) -> None:
    """Check Euler's steps in a known field."""
    noise = torch.randn(8, 2, generator=report.generator)
    inner = torch.rand(4, generator=report.generator).sort(descending=True).values
    sigmas = [1.0, *inner.tolist(), 0.0]
    asked: list[float] = []

    def velocity(x: Tensor, sigma: Any) -> Tensor:
        asked.append(float(sigma))
        return _bend(x, sigma)

    got = report.call(euler, velocity, noise, sigmas)
    report.shape(got, (8, 2), "the samples", "return the points, not the whole path")
    path = _walk(noise, sigmas)
    report.picture(lambda: _draw_paths(path, got), on_success=True)
    backwards, late, stays = noise, noise, noise
    for now, then in pairwise(sigmas):
        backwards = backwards - (then - now) * _bend(backwards, now)
        late = late + (then - now) * _bend(late, then)
        stays = stays + (then - now) * _bend(noise, now)
    mistakes = {
        "the step goes the wrong way: it is next level minus this one": backwards,
        "ask for the velocity at the level where you are, not where you are going": late,
        "ask for the velocity at the *new* points in each step": stays,
        "the last step, down to level 0, is missing": path[-2],
        "the points have not moved: did you keep the result of each step?": noise,
    }
    hint = "use the levels that are given: their distances differ"
    report.close(got, path[-1], "the end of the path", hint, mistakes=mistakes)
    report.expect(len(asked) == len(sigmas) - 1, "one look at the field for each step", "")


def _draw_paths(path: list[Tensor], got: Tensor) -> Picture:
    """Draw where the paths start, how they should go, and where the student's end."""
    steps = torch.stack(path)
    with style():
        canvas = figure(4.6, 3.6)
        axis = canvas.subplots()
        axis.plot(steps[:, :, 0], steps[:, :, 1], ".-", color=PALETTE["grey"], linewidth=1)
        axis.plot(*path[0].T, "o", color=PALETTE["sky"], label="noise")
        large: dict[str, Any] = {"markersize": 11, "color": PALETTE["green"], "alpha": 0.5}
        axis.plot(*path[-1].T, "o", label="expected", **large)
        axis.plot(*got.detach().T, "x", color=PALETTE["orange"], label="your samples")
        axis.legend(fontsize=8)
        alt = "Paths through a turning field from noise to where Euler's steps end."
        return Picture.from_figure(canvas, alt)


def show_expected_paths() -> Picture:
    """Draw the paths of a right sampler."""
    noise = torch.randn(8, 2, generator=torch.Generator().manual_seed(5))
    path = _walk(noise, np.linspace(1, 0, 9).tolist())
    return _draw_paths(path, path[-1])


@check("4.3")
def check_token_positions(report: Report, token_positions: Function) -> None:
    """Check time, row and column of every token."""
    rate = float(report.rng.integers(5, 30))
    for size, ratio, per in (((3, 2, 4), 16, 4), ((5, 3, 2), 32, 8), ((1, 2, 2), 8, 4)):
        got = report.call(token_positions, *size, ratio, per, rate)
        tokens = math.prod(size)
        order = "three rows, t, y and x; one column for each token: `torch.meshgrid`, then flatten"
        report.shape(got, (3, tokens), "the positions", order)
        right = token_coordinates(*size, spatial_ratio=ratio, temporal_ratio=per, frame_rate=rate)
        late, early, frames, index = right.clone(), right.clone(), right.clone(), right.clone()
        k = torch.arange(size[0]).repeat_interleave(size[1] * size[2])
        late[0], early[0] = per * k / rate, (per * (k - 1)).clamp(min=0) / rate
        frames[0] *= rate
        index[1:] /= ratio
        mistakes: dict[Hint, Tensor] = {
            (
                "the times are those of a *uniform* grid, r k",
                "how many pixel frames does latent frame 0 hold, and how many the others?",
                "latent frame k > 0 begins at pixel frame r (k - 1) + 1",
            ): late,
            "latent frame 1 begins at pixel frame 1: do not forget the +1": early,
            "times are in seconds: divide the pixel frame by the frame rate": frames,
            "rows and columns are in pixels: multiply by the spatial ratio": index,
            "x and y are exchanged: the rows of the result are t, y, x": right[[0, 2, 1]],
        }
        for other in [*permutations(range(3))][1:]:
            names = ", ".join(("frame", "row", "column")[axis] for axis in other)
            hint = f"the order of the tokens is frame, row, column (the fastest); yours is {names}"
            by_axis = right.unflatten(1, size).permute(0, *(axis + 1 for axis in other))
            mistakes[hint] = by_axis.flatten(1)
        ladder = (
            "frame 0 begins at time 0: none of its times is negative"
            if got[0].min() < 0
            else "a time, row or column is wrong",
            "print the result for 2 frames of 1 x 2 tokens and compare with the example",
            "make the starts, rows and columns apart, join them by meshgrid with indexing='ij'",
        )
        report.close(got, right, f"positions of {size} tokens", ladder, mistakes=mistakes)


def _rotated(
    x: Float[Tensor, "*batch tokens dim"], angles: Float[Tensor, "tokens pairs"]
) -> Tensor:
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)


@check("4.4")
def check_rotate(report: Report, rotate: Function) -> None:
    """Check rotary embedding: lengths, distances, and which channels form a pair."""
    x = torch.randn(2, 5, 8, generator=report.generator)
    angles = 6 * torch.rand(5, 4, generator=report.generator)
    report.aids["must match"] = "channels are the last axis: use x[..., 0::2] and x[..., 1::2]"
    got = report.call(rotate, x, angles)
    report.shape(got, (2, 5, 8), "the vectors", "put the two halves of each pair back together")
    even, odd = x[..., ::2], x[..., 1::2]
    cos, sin = angles.cos(), angles.sin()
    first, second = x[..., :4], x[..., 4:]
    turned = even * cos - odd * sin
    halves = torch.cat([first * cos - second * sin, first * sin + second * cos], -1)
    unwoven = torch.cat([turned, even * sin + odd * cos], -1)
    twice = torch.stack([turned, turned * sin + odd * cos], -1).flatten(-2)
    right, back = _rotated(x, angles), _rotated(x, -angles)
    mistakes: dict[Hint, Tensor] = {
        "the angle's sign is turned: the first row of the matrix is cos, -sin": back,
        "neighbouring channels form a pair, not the first half with the second": halves,
        "turned rightly, but the pairs must be woven together again: stack, then flatten": unwoven,
        "the second row needs the old x, not the one already turned": twice,
    }
    report.close(got, right, "every pair is turned by its angle", mistakes=mistakes)
    hint = "a rotation does not change lengths: check the signs"
    report.close(got.norm(dim=-1), x.norm(dim=-1), "lengths do not change", hint)
    q, k = (torch.randn(1, 1, 8, generator=report.generator) for _ in range(2))
    w = torch.randn(1, 4, generator=report.generator)
    near = (report.call(rotate, q, 3 * w) * report.call(rotate, k, 5 * w)).sum()
    far = (report.call(rotate, q, 0 * w) * report.call(rotate, k, 2 * w)).sum()
    report.close(near, far, "the product depends on the distance only", hint, atol=1e-4)


@check("4.5")
def check_token_sigmas(report: Report, token_sigmas: Function) -> None:
    """Check that the first frame's tokens are clean and all others at their clip's level."""
    frames, height, width = (int(n) for n in report.rng.integers(2, 5, 3))
    sigma = 0.1 + 0.9 * torch.rand(3, generator=report.generator)
    got = report.call(token_sigmas, sigma, frames, height, width)
    tokens = frames * height * width
    report.shape(got, (3, tokens), "the levels", "one for each token of each clip")
    right = sigma[:, None].repeat(1, tokens)
    everywhere = right.clone()
    right[:, : height * width] = 0
    first_only, first_row, strided = everywhere.clone(), everywhere.clone(), everywhere.clone()
    first_only[:, 0], first_row[:, :width], strided[:, ::frames] = 0, 0, 0
    mistakes = {
        "the first frame is given: its tokens are clean": everywhere,
        "a frame has height * width tokens, not one": first_only,
        "a frame has height * width tokens, not one row": first_row,
        "tokens are ordered frame by frame: the first height * width belong to frame 0": strided,
        "the first frame is clean and the *others* are noisy": everywhere - right,
        "noise levels stay between 0 and 1: the factor of 1000 comes later": 1000 * right,
    }
    report.close(got, right, "clean first frame, noisy rest", mistakes=mistakes)
    report.expect(math.isclose(float(got.max()), float(sigma.max())), "", "use every clip's sigma")


@check("4.6")
def check_transformer_block(report: Report, transformer_block_: Function) -> None:
    """Check the block against diffusers', on random weights and inputs."""
    g, dim, tokens = report.generator, 32, 7  # not six, which are the vectors of a token
    block = tiny_model(seed=int(report.rng.integers(100))).transformer.transformer_blocks[0]
    x, caption = torch.randn(2, tokens, dim, generator=g), torch.randn(1, 3, dim, generator=g)
    six = torch.randn(2, tokens, 6, dim, generator=g)
    angles = 3 * torch.rand(tokens, dim // 2, generator=g)
    rotation = torch.polar(torch.ones_like(angles), angles)
    hint = "split six vectors on axis 2, `unbind(2)`: each is then (batch, tokens, dim), as x is"
    report.aids |= dict.fromkeys(("size of tensor a", "values to unpack"), hint)
    with torch.no_grad():
        got = report.call(transformer_block_, block, x, six, caption, angles)
        report.shape(got, x.shape, "the hidden states", "return x after the third line")
        right = _stock_block(block, x, six, caption, angles)
        mistakes = _wrong_blocks(partial(_block_with, block, x, six, caption, rotation))
    ladder = (
        "one of the three lines differs from the equations",
        "leave lines out, one at a time, here and on paper: which one changes too much?",
        "write each line as an h and an x, as in x = x + gate_a * self_attention(...)",
    )
    what = "equal to diffusers' block"
    report.close(got, right, what, ladder, mistakes=mistakes, rtol=1e-3)
    r = 2  # tokens of a reference, which attend to themselves only; the others attend to all
    with torch.no_grad(), _chapter_5(transformer_block_):
        got = report.call(transformer_block_, block, x, six, caption, angles, r)
        own = _stock_block(block, x[:, :r], six[:, :r], caption, angles[:r])
    mistakes = {
        (
            "`reference_tokens` is not passed on to self_attention",
            "what does self_attention take after `angles`?",
            "self_attention(block.attn1, h, angles, reference_tokens)",
        ): right,
    }
    right = torch.cat([own, right[:, r:]], 1)
    what = f"with {r} reference tokens too"
    report.close(got, right, what, ladder, mistakes=mistakes, rtol=1e-3)


def _wrong_blocks(wrong: Function) -> dict[Hint, Tensor]:
    """Return what usual mistakes lead to, by what the student is told."""
    return {
        (
            "the scale is missing or not added to 1",
            "look at norm(x) (1 + s) + b, in both places",
            "h = block.norm1(x) * (1 + scale_a) + shift_a",
        ): wrong("scale_a", "scale_f"),
        "in the first line the scale is missing or not added to 1": wrong("scale_a"),
        "in the third line the scale is missing or not added to 1": wrong("scale_f"),
        "the gates are missing: what attention and ff give is multiplied by g": wrong(
            "gate_a", "gate_f"
        ),
        "the first line is without its gate: gate_a * self_attention(...)": wrong("gate_a"),
        "the third line is without its gate: gate_f * block.ff(h)": wrong("gate_f"),
        "the block's table is missing: add scale_shift_table to modulation": wrong("table"),
        "the modulation is missing: add it to the block's table": wrong("modulation"),
        "shift and scale are exchanged: the shift comes first": wrong("order"),
        "every line adds to x: `x = x + ...`": wrong("x_a", "x_c", "x_f"),
        "the first line does not add to x: the residual of self-attention": wrong("x_a"),
        "the second line does not add to x: the residual of the caption's attention": wrong("x_c"),
        "the third line does not add to x: the residual of the feed-forward layers": wrong("x_f"),
        "the first line, self-attention, was left out": wrong("attention"),
        "the third line, the feed-forward layers, was left out": wrong("ff"),
        "the caption has no gate": wrong("caption-gate"),
        "the caption was left out": wrong("caption"),
        "the second norm is of x as the first two lines left it": wrong("stale"),
        "the tokens are not turned: pass `angles` to self_attention": wrong("angles"),
    }


def _stock_block(
    block: Any, x: Tensor, modulation: Tensor, caption: Tensor, angles: Tensor
) -> Tensor:
    """Compute diffusers' block, which takes a cosine and a sine for each channel."""
    turns = [each.repeat_interleave(2, -1)[None] for each in (angles.cos(), angles.sin())]
    given = caption.expand(len(x), -1, -1), modulation.flatten(2), tuple(turns)
    stock: Tensor = block(x, *given)
    return stock


@contextmanager
def _chapter_5(function: Function) -> Iterator[None]:
    """Lend the notebook's `self_attention` what it calls for a reference: exercise 5.3."""
    attention = getattr(function, "__globals__", {}).get("self_attention")
    home, name = getattr(attention, "__globals__", {}), "attend_with_reference"
    kept = {key: home[key] for key in [name] if key in home}
    home[name] = _attend_with_reference
    try:
        yield
    finally:
        del home[name]
        home.update(kept)


def _attend_with_reference(q: Tensor, k: Tensor, v: Tensor, r: int) -> Tensor:
    own = attend(q[:, :, :r], k[:, :, :r], v[:, :, :r])
    return torch.cat([own, attend(q[:, :, r:], k, v)], 2)


def _block_with(
    block: Any, x: Tensor, modulation: Tensor, caption: Tensor, rotation: Tensor, *slips: str
) -> Tensor:
    """Compute a block with known mistakes: parts that are left out, or put in the wrong place."""

    def has(part: str) -> int:
        return int(part not in slips)

    six: Tensor = modulation + block.scale_shift_table
    if "table" in slips:
        six = modulation
    if "modulation" in slips:
        six = block.scale_shift_table.expand(modulation.shape)
    shift_a, scale_a, gate_a, shift_f, scale_f, gate_f = six.unbind(2)
    if "order" in slips:
        shift_a, scale_a, shift_f, scale_f = scale_a, shift_a, scale_f, shift_f
    gate_c = gate_a if "caption-gate" in slips else 1
    gate_a, gate_f = gate_a ** has("gate_a"), gate_f ** has("gate_f")  # without one: times 1
    turn = rotation ** has("angles")
    before = x
    h = rms_norm(block.norm1, x) * (has("scale_a") + scale_a) + shift_a
    x = has("x_a") * x + has("attention") * gate_a * self_attention(block.attn1, h, turn)
    x = has("x_c") * x + has("caption") * gate_c * cross_attention(block.attn2, x, caption)
    h = rms_norm(block.norm2, before if "stale" in slips else x)
    h = h * (has("scale_f") + scale_f) + shift_f
    return has("x_f") * x + has("ff") * gate_f * block.ff(h)


@check("4.7")
def check_flow_loss(report: Report, flow_loss: Function) -> None:
    """Check the velocity error over the noisy tokens."""
    g = report.generator
    batch, tokens, given, channels = 3, 12, 4, 5
    velocity, x0, noise = (torch.randn(batch, tokens, channels, generator=g) for _ in range(3))
    sigmas = 0.1 + 0.8 * torch.rand(batch, 1, generator=g).repeat(1, tokens)
    sigmas[:, :given] = 0
    got = report.call(flow_loss, velocity, x0, noise, sigmas)
    report.shape(got, (batch,), "the loss", "one number per sample: average over tokens, channels")
    error = (velocity - (noise - x0)).square()
    noisy = error[:, given:]

    weighted = (error.mean(-1) * sigmas).sum(1) / sigmas.sum(1)

    def of(answer: Tensor) -> Tensor:
        return answer.square()[:, given:].mean((1, 2))

    mistakes: dict[Hint, Tensor] = {
        (
            "clean tokens are in your mean",
            "which tokens have something to learn? `sigmas` tells",
            "noisy = sigmas > 0; sum the errors of these and divide by their number",
        ): error.mean((1, 2)),
        "divide by the number of noisy tokens only": noisy.sum((1, 2)) / (tokens * channels),
        "the velocity is noise minus data, not the other way round": of(velocity - (x0 - noise)),
        "the target is the velocity, not the clean data": of(velocity - x0),
        "the target is the velocity, not the noise": of(velocity - noise),
        "take the mean over the channels, not the sum": noisy.sum(2).mean(1),
        "square the error, do not take its absolute value": noisy.sqrt().mean((1, 2)),
        "every noisy token counts the same: sigma only says which": weighted,
    }
    hint = "take the mean over channels, then over the tokens whose sigma is above 0"
    report.close(got, noisy.mean((1, 2)), "the mean over noisy tokens", hint, mistakes=mistakes)
    perfect = report.call(flow_loss, noise - x0, x0, noise, sigmas)
    report.close(perfect, torch.zeros(batch), "a perfect answer has loss 0")


@check("4.8")
def check_sample(report: Report, sample_: Function) -> None:
    """Check the sampler: what it asks, what it holds still, and where it ends."""
    g = report.generator
    batch, channels, frames, given = 2, 3, 3, 4
    noise, first = (torch.randn(batch, channels, n, 2, 2, generator=g) for n in (frames, 1))
    mix = torch.randn(channels, channels, generator=g) / 2
    levels = torch.tensor([1.0, 0.8, 0.3, 0.0])
    asked: list[tuple[Tensor, Tensor]] = []

    def predict(tokens: Tensor, sigmas: Tensor) -> Tensor:
        asked.append((tokens.clone(), sigmas.clone()))
        return tokens @ mix + sigmas[..., None] + tokens.mean(1, keepdim=True)

    got = report.call(sample_, predict, first, noise, levels)
    report.shape(got, noise.shape, "the latents", "turn the tokens into latents again: unpack")
    report.expect(len(asked) == 3, "one look at the model for each step", "follow it with `euler`")
    told = asked[0][1]
    report.shape(told, (batch, frames * given), "what predict is told", "use token_sigmas")
    ladder = (
        "the given tokens are told to be noisy",
        "print what your velocity passes on as `sigmas`",
        "pass token_sigmas(...) of the level, which is 0 for the first frame",
    )
    report.expect(bool((told[:, :given] == 0).all()), "the first frame is told clean", ladder)
    starts = bool(torch.equal(asked[0][0][:, :given], pack(first)))
    hint = "the first frame's tokens come from `first_frame`, the others from `noise`"
    report.expect(starts, "it starts with the given frame", hint)
    ladder = (
        "the given frame has moved",
        "`euler` moves every token along the velocity that it is given",
        "set the velocity of the first height * width tokens to 0",
    )
    still = bool(torch.allclose(got[:, :, :1], first, atol=1e-5))
    report.expect(still, "the first frame stays as it is", ladder)
    right = _followed(predict, first, noise, levels.tolist())
    mistakes = {"the steps go the wrong way: let `euler` take them": 2 * noise - right}
    hint = "all other tokens follow the velocity: let `euler` do the steps"
    report.close(got, right, "the clip that these velocities lead to", hint, mistakes=mistakes)
    _compare_samplers(report, sample_)


def _followed(predict: Function, first: Tensor, noise: Tensor, levels: list[float]) -> Tensor:
    """Follow the velocities from noise to a clip, the first frame held still."""
    given = first[0, 0].numel()
    x = torch.cat([pack(first), pack(noise)[:, given:]], 1)
    for now, then in pairwise(levels):
        sigmas = torch.full(x.shape[:2], now)
        sigmas[:, :given] = 0
        v = predict(x, sigmas)
        v[:, :given] = 0
        x = x + (then - now) * v
    return x.transpose(1, 2).unflatten(2, noise.shape[2:])


def _compare_samplers(report: Report, sample_: Function) -> None:
    """Hold the sampler to the package's, on a network with random weights."""
    model, size = tiny_model(), (3, 2, 2)
    conditioning = model.conditioning(size)
    first, noise = (torch.randn(1, 8, n, 2, 2, generator=report.generator) for n in (1, 3))
    levels = torch.tensor([1.0, 0.6, 0.0])
    predict = _predict(model, conditioning.coordinates)
    with torch.no_grad():
        ours = sample(model.transformer, first, noise, levels, conditioning)
        yours = report.call(sample_, predict, first, noise, levels)
    report.close(yours, ours, "the package's sampler, on random weights", rtol=1e-3, atol=1e-4)


def _predict(model: Any, coordinates: Tensor) -> Function:
    """Return diffusers' network as a function of tokens and their levels."""

    def predict(tokens: Tensor, sigmas: Tensor) -> Any:
        return model.transformer(
            hidden_states=tokens,
            encoder_hidden_states=model.caption.expand(len(tokens), -1, -1),
            timestep=1000 * sigmas[..., None],
            encoder_attention_mask=torch.ones(len(tokens), model.caption.shape[1]),
            video_coords=coordinates[None].expand(len(tokens), -1, -1),
            return_dict=False,
        )[0]

    return predict
