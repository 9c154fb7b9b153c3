"""Checks of chapter 10, the appendix: a warped difference, where SDEdit begins, framing."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, UInt8

from synclora_course.checks.editing import draw_frames, read_along
from synclora_course.checks.framework import Report, check
from synclora_course.checks.outcome import Hint

Function = Callable[..., Any]
Image = UInt8[np.ndarray, "height width 3"]


@check("10.1")
def check_residual_frame(report: Report, residual_frame: Function) -> None:
    """Exercise 10.1: one frame of the residual warp."""
    rng = report.rng
    height, width = 24, 30
    y, x = np.mgrid[:height, :width]
    first = np.stack([4 * x + 60, 5 * y + 40, 3 * (x + y)], -1).astype(np.uint8)
    frame = np.roll(first, (2, -3), (0, 1))
    edited = first.copy()
    edited[8:18, 5:14] = (230, 20, 90)
    edited[10:13, 20:26] = 0
    flow = rng.integers(-4, 5, (height, width, 2))
    flow[10:14] = (6, -3)
    got = report.call(residual_frame, first, frame, edited, flow)
    report.shape(got, frame.shape, "the frame", "the residual has the shape of the pictures")
    want = _residual(first, frame, edited, flow)
    report.picture(lambda: draw_frames(np.asarray(got), want))
    mistakes = _wrong_residuals(first, frame, edited, flow)
    report.close(
        got, want, "the warped frame", "go through the formula, term by term", mistakes=mistakes
    )
    dtype = np.asarray(got).dtype == np.uint8
    report.expect(dtype, "the result is uint8", "clip to 0..255 and convert at the end")
    still = report.call(residual_frame, first, frame, first, flow)
    report.close(still, frame, "no edit, no change")


def _wrong_residuals(
    first: np.ndarray, frame: np.ndarray, edited: np.ndarray, flow: np.ndarray
) -> dict[Hint, np.ndarray]:
    return {
        "uint8 wraps round: make the residual with signed numbers": _wrapped(
            first, frame, edited, flow
        ),
        "flow holds (right, down): x first, then y": _residual(
            first, frame, edited, flow[..., ::-1]
        ),
        "the flow points from this frame to frame 0: add it, do not subtract it": _residual(
            first, frame, edited, -flow
        ),
        "did you forget to carry the residual along the flow?": _residual(
            first, frame, edited, 0 * flow
        ),
        "carry the difference, not the edited frame itself": read_along(edited, flow),
        "add the residual to frame t, not to frame 0": _residual(first, first, edited, flow),
        "outside the picture take the border pixel, do not come in from the other side": (
            _residual(first, frame, edited, flow, wrap=True)
        ),
        "the residual is edited minus first": _residual(edited, frame, first, flow),
    }


@check("10.2")
def check_start_at(report: Report, start_at: Function) -> None:
    """Exercise 10.2: noised latents and the levels to go along."""
    g = report.generator
    latents, noise = torch.randn(2, 3, 4, generator=g), torch.randn(2, 3, 4, generator=g)
    for levels, start in (
        ([1.0, 0.75, 0.5, 0.25, 0.0], 0.6),
        ([1.0, 0.9, 0.7, 0.4, 0.0], 0.7),
        ([1.0, 0.5, 0.0], 1.0),
    ):
        got = report.call(start_at, latents, noise, levels, start)
        pair = isinstance(got, tuple | list) and len(got) == 2
        report.expect(pair, "", "return two things: the latents, and the levels")
        report.close(
            got[0],
            (1 - start) * latents + start * noise,
            f"latents at level {start}",
            "x = (1 - sigma) latents + sigma noise",
            mistakes={
                "sigma is the share of the noise: did you exchange the two?": start * latents
                + (1 - start) * noise,
                "the latents shrink by 1 - sigma as well": latents + start * noise,
                "this is not the square-root schedule of other diffusion models": math.sqrt(
                    1 - start
                )
                * latents
                + math.sqrt(start) * noise,
                "noise to `start`, not to the sampler's next level": (1 - _below(levels, start)[0])
                * latents
                + _below(levels, start)[0] * noise,
            },
        )
        _check_levels(report, [float(level) for level in got[1]], levels, start)


def _check_levels(report: Report, got: list[float], levels: list[float], start: float) -> None:
    mine, want = np.asarray(got), np.array([start, *_below(levels, start)])
    hints = {
        "the first level is `start` itself": want[1:],
        "`start` stands there twice": np.array([start, *[v for v in levels if v <= start]]),
        "only levels below `start`: sampling goes down": np.array([start, *levels]),
        "the last level is 0": want[:-1],
        "levels fall: begin with the largest": want[::-1],
    }
    hint = next((h for h, w in hints.items() if w.shape == mine.shape and np.allclose(w, mine)), "")
    same = mine.shape == want.shape and np.allclose(mine, want)
    wanted = ", ".join(f"{value:g}" for value in want)
    report.expect(same, f"levels from {start}", hint or "start, then all below it", wanted)


@check("10.3")
def check_framing(report: Report, framing: Function) -> None:
    """Exercise 10.3: shift, scale and roll between two pairs of eyes."""
    rng = report.rng
    base = np.array([[40.0, 50.0], [70.0, 52.0]])
    cases = [base, base.mean(0) + 2 * (base - base.mean(0)), base + np.array([15.0, -9.0])]
    for _ in range(8):
        angle, grow = rng.uniform(-0.9, 0.9), rng.uniform(0.6, 1.6)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        cases.append(base.mean(0) + (base - base.mean(0)) @ turn.T * grow + rng.uniform(-20, 20, 2))
    tilted = np.array([[0.0, 0.0], [-10.0, 0.4]]), np.array([[0.0, 0.0], [-10.0, -0.4]])
    for source, edited in [*((base, case) for case in cases), tilted]:
        got = report.call(framing, source, edited)
        three = isinstance(got, tuple | list | np.ndarray) and len(got) == 3
        report.expect(three, "", "return three numbers: shift, scale, roll")
        _compare_framing(report, [float(value) for value in got], source, edited)
    report.properties = [
        "shift, scale and roll are right",
        "the angle does not jump at half a turn",
    ]


def _compare_framing(
    report: Report, got: list[float], source: np.ndarray, edited: np.ndarray
) -> None:
    want = _framing(source, edited)
    across, grown = (float(np.linalg.norm(eyes[1] - eyes[0])) for eyes in (source, edited))
    one_eye = float(np.linalg.norm(edited[0] - source[0])) / across
    raw = _angle(edited) - _angle(source)
    report.close(
        got[0],
        want[0],
        "the shift",
        "the distance of the two middles over the source's eye distance",
        mistakes={
            "in eye distances, not in pixels: divide": want[0] * across,
            "divide by the eye distance of the source, not of the edit": want[0] * across / grown,
            "the middle of the eyes, not one of them": one_eye,
        },
    )
    report.close(
        got[1],
        want[1],
        "the scale",
        "abs(log(distance / distance))",
        mistakes={
            "take the logarithm of the ratio": grown / across,
            "without its sign: a smaller face is as wrong as a larger one": -want[1],
            "the natural logarithm": abs(math.log2(grown / across)),
        },
    )
    report.close(
        got[2],
        want[2],
        "the roll",
        "the difference of two angles from arctan2(y, x)",
        mistakes={
            "angles wrap round: 3.1 and -3.1 are close to each other": abs(raw),
            "without its sign": -want[2],
            "in radians": math.degrees(want[2]),
        },
    )


def _residual(
    first: Image,
    frame: Image,
    edited: Image,
    flow: Int[np.ndarray, "height width 2"],
    wrap: bool = False,
) -> Image:
    carried = read_along(edited.astype(int) - first, flow, wrap)
    return np.clip(frame + carried, 0, 255).astype(np.uint8)


def _wrapped(
    first: Image, frame: Image, edited: Image, flow: Int[np.ndarray, "height width 2"]
) -> Image:
    """Return what arithmetic on uint8 gives."""
    return frame + read_along(edited - first, flow)


def _below(levels: list[float], start: float) -> list[float]:
    return [level for level in levels if level < start]


def _angle(eyes: np.ndarray) -> float:
    across = eyes[1] - eyes[0]
    return math.atan2(across[1], across[0])


def _framing(source: np.ndarray, edited: np.ndarray) -> tuple[float, float, float]:
    across, grown = (np.linalg.norm(eyes[1] - eyes[0]) for eyes in (source, edited))
    shift = np.linalg.norm(edited.mean(0) - source.mean(0)) / across
    turn = _angle(edited) - _angle(source)
    roll = abs((turn + math.pi) % (2 * math.pi) - math.pi)
    return float(shift), abs(math.log(grown / across)), roll
