import pytest
import torch

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


def rotated(x, angles, sign=1, interleave=True):
    even, odd = x[:, ::2], x[:, 1::2]
    cos, sin = angles.cos(), sign * angles.sin()
    parts = [even * cos - odd * sin, even * sin + odd * cos]
    return torch.stack(parts, -1).flatten(-2) if interleave else torch.cat(parts, 1)


def halves(x, angles):
    first, second = x.chunk(2, 1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([first * cos - second * sin, first * sin + second * cos], 1)


def sigmas_with(clean):
    def token_sigmas(sigma, frames, height, width):
        out = sigma[:, None].repeat(1, frames * height * width)
        out[:, clean(frames, height, width)] = 0
        return out

    return token_sigmas


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
    "check_latent_frame_starts": [
        (lambda frames, ratio: torch.arange(frames) * float(ratio), "uniform"),
        (lambda f, r: ((torch.arange(f) - 1) * float(r)).clamp(min=0), r"\+1"),
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
