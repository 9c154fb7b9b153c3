"""Checks of chapter 7: a warped frame, a step of FlowEdit, guidance."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from synclora_course.checks.framework import Report, check
from synclora_course.checks.outcome import Hint
from synclora_lite.viz import Picture, contact_sheet

Function = Callable[..., Any]
Image = UInt8[np.ndarray, "height width 3"]


@check("7.1")
def check_warped_frame(report: Report, warped_frame: Function) -> None:
    """Exercise 7.1: one frame of the flow propagation."""
    rng = report.rng
    height, width = 24, 30
    y, x = np.mgrid[:height, :width]
    edited = np.stack([4 * x + 60, 5 * y + 40, 3 * (x + y)], -1).astype(np.uint8)
    edited[8:18, 5:14] = (230, 20, 90)
    flow = rng.integers(-4, 5, (height, width, 2))
    flow[10:14] = (6, -3)
    report.aids["out of bounds"] = (
        "some places lie outside the picture: take the border pixel there, with np.clip"
    )
    got = report.call(warped_frame, edited, flow)
    report.shape(got, edited.shape, "the frame", "one colour for every pixel of the flow")
    want = read_along(edited, flow)
    report.picture(lambda: draw_frames(np.asarray(got), want))
    mistakes = {
        (
            "flow holds (right, down): x first, then y",
            "flow[..., 0] moves along the second axis of the picture",
            "edited[y + flow[..., 1], x + flow[..., 0]]",
        ): read_along(edited, flow[..., ::-1]),
        (
            "the flow points from this frame to frame 0: add it, do not subtract it",
            "E(p + f(p)): where is the plus?",
            "x + flow[..., 0] and y + flow[..., 1]",
        ): read_along(edited, -flow),
        "this is the edited frame itself: read it along the flow": edited,
        (
            "outside the picture take the border pixel, do not come in from the other side",
            "negative indices count from the end",
            "np.clip the places to 0..height - 1 and 0..width - 1",
        ): read_along(edited, flow, wrap=True),
    }
    report.close(got, want, "the warped frame", "E(p + f(p)), for every p", mistakes=mistakes)
    still = report.call(warped_frame, edited, 0 * flow)
    report.close(still, edited, "no flow, no change")


@check("7.2")
def check_flowedit_step(report: Report, flowedit_step: Function) -> None:
    """Exercise 7.2: one step of FlowEdit, from two velocities."""
    g = report.generator
    edit, source, noise = (torch.randn(2, 5, 3, generator=g) for _ in range(3))
    told: list[Any] = []

    def noting(predict: Function) -> Function:
        def ask(x: Tensor, sigma: Any) -> Any:
            told.append(sigma)
            return predict(x, sigma)

        return ask

    models = noting(_predict_source), noting(_predict_edit)
    for sigma, following in ((0.9, 0.7), (0.3, 0.0)):
        told.clear()
        got = report.call(flowedit_step, edit, source, noise, sigma, following, *models)
        level = (
            "the models are told another noise level than that of the clip they see",
            "the clip is noised to level `sigma`: what is the second argument of each model?",
            "predict_edit(..., sigma) and predict_source(..., sigma)",
        )
        right = all(np.allclose(each, sigma) for each in told)
        report.expect(right, "both models are told the level sigma", level)
        noisy = (1 - sigma) * source + sigma * noise
        v_edit, v_source = (
            _predict_edit(edit + noisy - source, sigma),
            _predict_source(noisy, sigma),
        )
        report.close(
            got,
            edit + (following - sigma) * (v_edit - v_source),
            f"the clip after the step from {sigma} to {following}",
            "compare with the formula, term by term",
            mistakes=_wrong_steps(edit, source, noise, sigma, following),
        )
    report.properties = [
        "the step is right at two levels",
        "where both models agree, nothing moves",
    ]
    alike = (source, source, noise, 0.5, 0.4, _predict_source, _predict_source)
    same = report.call(flowedit_step, *alike)
    report.close(same, source, "equal models leave the source alone")


def _predict_source(x: Tensor, sigma: float) -> Tensor:
    return torch.sin(x) * sigma


def _predict_edit(x: Tensor, sigma: float) -> Tensor:
    return x**2 * sigma + 1


def _wrong_steps(
    edit: Tensor, source: Tensor, noise: Tensor, sigma: float, following: float
) -> dict[Hint, Tensor]:
    """Return what usual mistakes lead to, by what the student is told."""
    noisy, noised = ((1 - sigma) * x + sigma * noise for x in (source, edit))
    v_edit, v_source = _predict_edit(edit + noisy - source, sigma), _predict_source(noisy, sigma)
    step = following - sigma
    return {
        (
            "the step goes the other way: one of the two differences is turned round",
            "v_E - v_S is edit minus source; following - sigma is negative",
            "(following - sigma) * (predict_edit(...) - predict_source(...))",
        ): edit - step * (v_edit - v_source),
        (
            "the edit's model is asked at x + S_sigma - S, not at S_sigma",
            "the first argument of predict_edit",
            "predict_edit(edit + noisy - source, sigma)",
        ): edit + step * (_predict_edit(noisy, sigma) - v_source),
        (
            "the clip itself is not noisy: give the model x with the source's noise on it",
            "the first argument of predict_edit",
            "predict_edit(edit + noisy - source, sigma)",
        ): edit + step * (_predict_edit(edit, sigma) - v_source),
        (
            "x itself is noised: the formula adds to x what the noise did to the source",
            "the first argument of predict_edit: x + S_sigma - S",
            "predict_edit(edit + noisy - source, sigma)",
        ): edit + step * (_predict_edit(noised, sigma) - v_source),
        (
            "the clip that is being edited moves, and not the source",
            "what is the step added to?",
            "return edit + ...",
        ): source + step * (v_edit - v_source),
    }


@check("7.3")
def check_guided(report: Report, guided: Function) -> None:
    """Exercise 7.3: guidance on the reference, without wasted passes."""
    g = report.generator
    x, reference = torch.randn(2, 5, generator=g), torch.randn(2, 5, generator=g)
    sigma = 0.4
    calls: list[bool] = []

    def predict(x: Any, sigma: Any, reference: Any) -> Any:
        calls.append(reference is not None)
        return x * sigma + 1 if reference is None else x * sigma + reference**2

    without, with_reference = x * sigma + 1, x * sigma + reference**2
    for scale in (2.5, 0.5, 1, 0):
        calls.clear()
        got = report.call(guided, predict, x, sigma, reference, scale)
        report.close(
            got,
            without + scale * (with_reference - without),
            f"the prediction at scale {scale}",
            "start from the prediction without, and add the scaled difference",
            mistakes={
                "start from the prediction *without* the reference": with_reference
                + scale * (with_reference - without),
                "the difference is with minus without": without
                + scale * (without - with_reference),
                "did you forget the prediction without?": scale * (with_reference - without),
                "the two are exchanged: scale 1 gives the prediction with reference": with_reference
                + scale * (without - with_reference),
            },
        )
        needed = 1 if scale in (0, 1) else 2
        report.expect(
            len(calls) == needed,
            f"{needed} pass{'es' if needed > 1 else ''} at scale {scale}",
            "at scale 0 and 1 one of the two predictions is not needed"
            if needed == 1
            else "ask once with the reference and once without, and keep both answers",
            f"{needed} calls of predict, yours made {len(calls)}",
        )


def read_along(
    values: np.ndarray, flow: Int[np.ndarray, "height width 2"], wrap: bool = False
) -> np.ndarray:
    """Read a picture at p + f(p); outside, the nearest border pixel."""
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width]
    x, y = x + flow[..., 0], y + flow[..., 1]
    if wrap:
        return values[y % height, x % width]
    return values[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]


def draw_frames(got: np.ndarray, want: Image) -> Picture:
    """Draw the student's frame beside the expected one, if it can be drawn."""
    fits = got.shape == want.shape
    mine = np.clip(got, 0, 255).astype(np.uint8) if fits else np.zeros_like(want)
    sheet = contact_sheet({"yours": mine[None], "expected": want[None]}, height=120)
    return Picture.from_pixels(sheet, "Your warped frame above the expected one.")
