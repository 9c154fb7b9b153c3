"""Checks of chapter 7: a warped frame, where SDEdit begins, guidance, framing."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from synclora_course.checks.framework import Report, check
from synclora_lite.viz import Picture, contact_sheet

Function = Callable[..., Any]
Image = UInt8[np.ndarray, "height width 3"]
Flow = Int[np.ndarray, "height width 2"]


@check("7.1")
def check_residual_frame(report: Report, residual_frame: Function) -> None:
    """Exercise 7.1: one frame of the residual warp."""
    height, width = 24, 30
    y, x = np.mgrid[:height, :width]
    first = np.stack([4 * x + 60, 5 * y + 40, 3 * (x + y)], -1).astype(np.uint8)
    frame, edited = np.roll(first, (2, -3), (0, 1)), first.copy()
    edited[8:18, 5:14] = (230, 20, 90)
    edited[10:13, 20:26] = 0
    flow = report.rng.integers(-4, 5, (height, width, 2))
    flow[10:14] = (6, -3)
    got = report.call(residual_frame, first, frame, edited, flow)
    report.shape(got, frame.shape, "the frame", "the residual has the shape of the pictures")
    want = _residual(first, frame, edited, flow)
    report.picture(lambda: _draw_frames(np.asarray(got), want))
    exchanged, against, still = (
        _residual(first, frame, edited, other) for other in (flow[..., ::-1], -flow, 0 * flow)
    )
    wrapped = _residual(first, frame, edited, flow, wrap=True)
    mistakes = {
        "uint8 wraps round: make the residual with signed numbers": (
            frame + _read(edited - first, flow)
        ),
        "flow holds (right, down): x first, then y": exchanged,
        "the flow points from this frame to frame 0: add it, do not subtract it": against,
        "did you forget to carry the residual along the flow?": still,
        "carry the difference, not the edited frame itself": _read(edited, flow),
        "add the residual to frame t, not to frame 0": _residual(first, first, edited, flow),
        "outside the picture take the border pixel, do not come in from the other side": wrapped,
        "the residual is edited minus first": _residual(edited, frame, first, flow),
    }
    hint = "go through the formula, term by term"
    report.close(got, want, "the warped frame", hint, mistakes=mistakes)
    dtype = np.asarray(got).dtype == np.uint8
    report.expect(dtype, "the result is uint8", "clip to 0..255 and convert at the end")
    same = report.call(residual_frame, first, frame, first, flow)
    report.close(same, frame, "no edit, no change")


@check("7.2")
def check_start_at(report: Report, start_at: Function) -> None:
    """Exercise 7.2: noised latents and the levels to go along."""
    latents, noise = (torch.randn(2, 3, 4, generator=report.generator) for _ in range(2))

    def mixed(share: float) -> Tensor:
        return (1 - share) * latents + share * noise

    for levels, start in (
        ([1.0, 0.75, 0.5, 0.25, 0.0], 0.6),
        ([1.0, 0.9, 0.7, 0.4, 0.0], 0.7),
        ([1.0, 0.5, 0.0], 1.0),
    ):
        got = report.call(start_at, latents, noise, levels, start)
        report.parts(got, 2, "return two things: the latents, and the levels")
        below = [level for level in levels if level < start]
        roots = math.sqrt(1 - start) * latents + math.sqrt(start) * noise
        mistakes = {
            "sigma is the share of the noise: did you exchange the two?": mixed(1 - start),
            "the latents shrink by 1 - sigma as well": latents + start * noise,
            "this is not the square-root schedule of other diffusion models": roots,
            "noise to `start`, not to the sampler's next level": mixed(below[0]),
        }
        what, hint = f"latents at level {start}", "x = (1 - sigma) latents + sigma noise"
        report.close(got[0], mixed(start), what, hint, mistakes=mistakes)
        want = np.array([start, *below])
        known = {
            "the first level is `start` itself": want[1:],
            "`start` stands there twice": np.array([start, *(v for v in levels if v <= start)]),
            "only levels below `start`: sampling goes down": np.array([start, *levels]),
            "the last level is 0": want[:-1],
            "levels fall: begin with the largest": want[::-1],
        }
        mine = np.array([float(level) for level in got[1]])
        hint = "start, then all below it"
        report.close(mine, want, f"levels from {start}", hint, mistakes=known)


@check("7.3")
def check_guided(report: Report, guided: Function) -> None:
    """Exercise 7.3: guidance on the reference, without wasted passes."""
    x, reference = (torch.randn(2, 5, generator=report.generator) for _ in range(2))
    sigma, calls = 0.4, list[bool]()

    def predict(x: Any, sigma: Any, reference: Any) -> Any:
        calls.append(reference is not None)
        return x * sigma + 1 if reference is None else x * sigma + reference**2

    without, full = x * sigma + 1, x * sigma + reference**2
    for scale in (2.5, 0.5, 1, 0):
        calls.clear()
        got = report.call(guided, predict, x, sigma, reference, scale)
        push = scale * (full - without)
        mistakes = {
            "start from the prediction *without* the reference": full + push,
            "the difference is with minus without": without - push,
            "did you forget the prediction without?": push,
            "the two are exchanged: scale 1 gives the prediction with reference": full - push,
        }
        hint = "start from the prediction without, and add the scaled difference"
        what = f"the prediction at scale {scale}"
        report.close(got, without + push, what, hint, mistakes=mistakes)
        needed = 1 if scale in (0, 1) else 2
        report.expect(
            len(calls) == needed,
            f"{needed} pass{'es' if needed > 1 else ''} at scale {scale}",
            "at scale 0 and 1 one of the two predictions is not needed" if needed == 1 else "",
            f"{needed} calls of predict, yours made {len(calls)}",
        )


@check("7.4")
def check_framing(report: Report, framing: Function) -> None:
    """Exercise 7.4: shift, scale and roll between two pairs of eyes."""
    for source, edited in _pairs_of_eyes(report):
        got = report.call(framing, source, edited)
        report.parts(got, 3, "return three numbers: shift, scale, roll")
        shift, scale, roll = _framing(source, edited)
        across, grown = (np.linalg.norm(eyes[1] - eyes[0]) for eyes in (source, edited))
        one = np.linalg.norm(edited[0] - source[0]) / across
        mistakes = {
            "in eye distances, not in pixels: divide": shift * across,
            "divide by the eye distance of the source, not of the edit": shift * across / grown,
            "the middle of the eyes, not one of them": one,
        }
        hint = "the distance of the two middles over the source's eye distance"
        report.close(float(got[0]), shift, "the shift", hint, mistakes=mistakes)
        mistakes = {
            "take the logarithm of the ratio": grown / across,
            "without its sign: a smaller face is as wrong as a larger one": -scale,
            "the natural logarithm": abs(math.log2(grown / across)),
        }
        hint = "abs(log(distance / distance))"
        report.close(float(got[1]), scale, "the scale", hint, mistakes=mistakes)
        mistakes = {
            "angles wrap round: 3.1 and -3.1 are close to each other": abs(
                _angle(edited) - _angle(source)
            ),
            "without its sign": -roll,
            "in radians": math.degrees(roll),
        }
        hint = "the difference of two angles from arctan2(y, x)"
        report.close(float(got[2]), roll, "the roll", hint, mistakes=mistakes)
    report.properties = [
        "shift, scale and roll are right",
        "the angle does not jump at half a turn",
    ]


def _pairs_of_eyes(report: Report) -> list[tuple[np.ndarray, np.ndarray]]:
    rng, base = report.rng, np.array([[40.0, 50.0], [70.0, 52.0]])
    cases = [base, base.mean(0) + 2 * (base - base.mean(0)), base + np.array([15.0, -9.0])]
    for _ in range(8):
        angle, grow = rng.uniform(-0.9, 0.9), rng.uniform(0.6, 1.6)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        cases.append(base.mean(0) + (base - base.mean(0)) @ turn.T * grow + rng.uniform(-20, 20, 2))
    tilted = np.array([[0.0, 0.0], [-10.0, 0.4]]), np.array([[0.0, 0.0], [-10.0, -0.4]])
    return [*((base, case) for case in cases), tilted]


def _read(values: np.ndarray, flow: Flow, wrap: bool = False) -> np.ndarray:
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width]
    x, y = x + flow[..., 0], y + flow[..., 1]
    if wrap:
        return values[y % height, x % width]
    return values[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]


def _residual(first: Image, frame: Image, edited: Image, flow: Flow, wrap: bool = False) -> Image:
    carried = _read(edited.astype(int) - first, flow, wrap)
    return np.clip(frame + carried, 0, 255).astype(np.uint8)


def _draw_frames(got: np.ndarray, want: Image) -> Picture:
    """Draw the student's frame beside the expected one, if it can be drawn."""
    fits = got.shape == want.shape
    mine = np.clip(got, 0, 255).astype(np.uint8) if fits else np.zeros_like(want)
    sheet = contact_sheet({"yours": mine[None], "expected": want[None]}, height=120)
    return Picture.from_pixels(sheet, "Your warped frame above the expected one.")


def _angle(eyes: np.ndarray) -> float:
    across = eyes[1] - eyes[0]
    return math.atan2(across[1], across[0])


def _framing(source: np.ndarray, edited: np.ndarray) -> tuple[float, float, float]:
    across, grown = (np.linalg.norm(eyes[1] - eyes[0]) for eyes in (source, edited))
    shift = np.linalg.norm(edited.mean(0) - source.mean(0)) / across
    turn = _angle(edited) - _angle(source)
    roll = abs((turn + math.pi) % (2 * math.pi) - math.pi)
    return float(shift), abs(math.log(grown / across)), roll
