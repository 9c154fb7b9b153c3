"""Checks of chapter 4: flow, Euler's steps, latent time, rotary positions, noise per token."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from synclora_course.checks.framework import Report, check
from synclora_lite.viz import PALETTE, Picture, figure, style

Function = Callable[..., Any]


@check("4.1")
def check_noise_and_velocity(report: Report, noise_and_velocity: Function) -> None:
    """Check the mix of data and noise, and its velocity."""
    for shape in ((6, 2), (4, 3, 2, 5)):
        x0, noise = (torch.randn(shape, generator=report.generator) for _ in range(2))
        sigma = torch.rand(shape[0], generator=report.generator)
        got = report.call(noise_and_velocity, x0, noise, sigma)
        report.expect(
            isinstance(got, tuple | list) and len(got) == 2, "two results", "return x_sigma, v"
        )
        s = sigma.view(-1, *[1] * (len(shape) - 1))
        right = (1 - s) * x0 + s * noise
        mistakes = {
            "at sigma = 0 there is no noise: the shares are exchanged": (s * x0 + (1 - s) * noise)
        }
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
        axis.plot(
            *path[-1].T, "o", markersize=11, color=PALETTE["green"], alpha=0.5, label="expected"
        )
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
def check_latent_frame_starts(report: Report, latent_frame_starts: Function) -> None:
    """Check the first pixel frame of every latent frame."""
    ratios = (4, 8, int(report.rng.integers(2, 12)))
    for frames, ratio in zip((5, 4, 7), ratios, strict=True):
        got = report.call(latent_frame_starts, frames, ratio)
        report.shape(got, (frames,), "the starts", "one number for each latent frame")
        k = torch.arange(frames, dtype=torch.float32)
        right = torch.where(k > 0, ratio * (k - 1) + 1, 0)
        mistakes = {
            "r k is where a *uniform* grid would start: latent frame 0 holds only one frame": (
                ratio * k
            ),
            "latent frame 1 starts at pixel frame 1: do not forget the +1": (ratio * (k - 1)).clamp(
                min=0
            ),
            "frame 0 starts at 0, not before": ratio * (k - 1) + 1,
        }
        report.close(got, right, f"starts at a ratio of {ratio}", mistakes=mistakes)
    got = report.call(latent_frame_starts, 1, 4)
    report.close(got, torch.zeros(1), "a picture is a clip of one frame", "try it with frames=1")


def _rotated(x: Float[Tensor, "tokens dim"], angles: Float[Tensor, "tokens pairs"]) -> Tensor:
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)


@check("4.4")
def check_rotate(report: Report, rotate: Function) -> None:
    """Check rotary embedding: lengths, distances, and which channels form a pair."""
    x = torch.randn(5, 8, generator=report.generator)
    angles = 6 * torch.rand(5, 4, generator=report.generator)
    got = report.call(rotate, x, angles)
    report.shape(got, (5, 8), "the vectors", "put the two halves of each pair back together")
    even, odd = x[:, ::2], x[:, 1::2]
    cos, sin = angles.cos(), angles.sin()
    first, second = x[:, :4], x[:, 4:]
    mistakes = {
        "the angle's sign is turned: the first row of the matrix is cos, -sin": _rotated(
            x, -angles
        ),
        "neighbouring channels form a pair, not the first half with the second": torch.cat(
            [first * cos - second * sin, first * sin + second * cos], 1
        ),
        "turned rightly, but the pairs must be woven together again: stack, then flatten": (
            torch.cat([even * cos - odd * sin, even * sin + odd * cos], 1)
        ),
        "the second row needs the old x, not the one already turned": torch.stack(
            [even * cos - odd * sin, (even * cos - odd * sin) * sin + odd * cos], -1
        ).flatten(-2),
    }
    right = _rotated(x, angles)
    report.close(got, right, "every pair is turned by its angle", mistakes=mistakes)
    hint = "a rotation does not change lengths: check the signs"
    report.close(got.norm(dim=1), x.norm(dim=1), "lengths do not change", hint)
    q, k, w = (torch.randn(1, n, generator=report.generator) for n in (8, 8, 4))
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
        "the first frame is clean and the *others* are noisy": torch.where(
            right == 0, everywhere, 0
        ),
        "noise levels stay between 0 and 1: the factor of 1000 comes later": 1000 * right,
    }
    report.close(got, right, "clean first frame, noisy rest", mistakes=mistakes)
    report.expect(math.isclose(float(got.max()), float(sigma.max())), "", "use every clip's sigma")
