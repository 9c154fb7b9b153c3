"""Checks of chapter 0: a legal length, a map of changes, and the share of an edit that is kept."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from synclora_course.checks.framework import Report, check
from synclora_lite.viz import Picture, figure, style

Function = Callable[..., Any]
Frames = UInt8[np.ndarray, "frames height width 3"]


@check("0.1")
def check_legal_frames(report: Report, legal_frames: Function) -> None:
    """Check the largest legal length."""
    cases = [(17, 4), (23, 4), (24, 4), (81, 8), (1, 4), (4, 4), (5, 4)]
    cases += [(int(n), int(r)) for n, r in report.rng.integers((1, 2), (200, 12), (6, 2))]
    for frames, ratio in cases:
        got = report.call(legal_frames, frames, ratio)
        mistakes = {
            "lengths are k * ratio + 1: do not forget the +1": frames // ratio * ratio,
            "not longer than the clip: take the 1 away before you divide": (
                frames // ratio * ratio + 1
            ),
            "round down, not up": -(-(frames - 1) // ratio) * ratio + 1,
            "the ratio is an argument": (frames - 1) // 4 * 4 + 1,
        }
        right = (frames - 1) // ratio * ratio + 1
        what = f"legal_frames({frames}, {ratio})"
        report.close(got, right, what, "use whole numbers: // divides", mistakes=mistakes)


@check("0.2")
def check_change_map(report: Report, change_map: Function) -> None:
    """Check the mean absolute difference per pixel."""
    source, result = (report.rng.integers(0, 256, (3, 5, 7, 3), dtype=np.uint8) for _ in range(2))
    got = report.call(change_map, source, result)
    signed = source.astype(float) - result
    report.shape(got, (5, 7), "the map", "average over axis 0 (frames) and axis 3 (colours)")
    right = np.abs(signed).mean((0, 3))
    report.picture(lambda: _draw_maps({"yours": np.asarray(got), "expected": right}))
    wrapped = np.abs(source - result).mean((0, 3))
    mistakes = {
        "bytes wrap around: convert to float before you subtract": wrapped,
        "take the absolute value before you average, or changes cancel": signed.mean((0, 3)),
        "take the absolute value before you average, not after": np.abs(signed.mean((0, 3))),
        "the mean is asked for, not the sum": np.abs(signed).sum((0, 3)),
        "the mean is asked for, not the largest": np.abs(signed).max((0, 3)),
    }
    report.close(got, right, "the mean absolute difference", mistakes=mistakes)
    same = report.call(change_map, source, source)
    report.close(same, np.zeros((5, 7)), "equal clips give zeros", "subtract the two clips")


def _draw_maps(maps: dict[str, Float[np.ndarray, "height width"]]) -> Picture:
    with style():
        canvas = figure(2.8 * len(maps), 2.6)
        axes = canvas.subplots(1, len(maps), squeeze=False)[0]
        for axis, (title, values) in zip(axes, maps.items(), strict=True):
            image = axis.imshow(values, cmap="magma")
            axis.set(title=title, xticks=[], yticks=[])
            axis.grid(visible=False)
            canvas.colorbar(image, ax=axis, shrink=0.8, label="grey levels")
        return Picture.from_figure(canvas, "How much each pixel changes, as a map.")


def show_expected_map(source: Frames, result: Frames) -> Picture:
    """Draw what exercise 0.2 finds for two clips."""
    difference = np.abs(source.astype(float) - result).mean((0, 3))
    return _draw_maps({"the hat, for example": difference})


@check("0.3")
def check_edit_kept(report: Report, edit_kept: Function) -> None:
    """Check the share of an edit that is kept."""
    source = 255 * report.rng.random((4, 6, 6, 3))
    truth = source.copy()
    truth[:, :3] = 255 * report.rng.random((4, 3, 6, 3))
    for share, what in ((1.0, "the truth gives 1"), (0.0, "the source gives 0")):
        output = share * truth + (1 - share) * source
        got = report.call(edit_kept, source, truth, output)
        report.shape(got, (), "edit kept", "sum over all changed pixels: one number comes out")
        mistakes = {"turn it round: 1 minus the ratio": 1 - share}
        report.close(got, share, what, mistakes=mistakes)
    share = float(report.rng.uniform(0.2, 0.4))
    got = report.call(edit_kept, source, truth, share * truth + (1 - share) * source)
    mistakes = {
        "turn it round: 1 minus the ratio": 1 - share,
        "absolute differences, not squared ones": 1 - (1 - share) ** 2,
    }
    report.close(got, share, f"{share:.0%} of the truth gives that share", mistakes=mistakes)
    noisy = truth + 8 * report.rng.standard_normal(truth.shape)
    changed, off, size = truth != source, np.abs(noisy - truth), np.abs(source - truth)
    signed = 1 - (noisy - truth)[changed].sum() / (source - truth)[changed].sum()
    mistakes = {
        "look only at what the edit changes (truth != source)": 1 - off.sum() / size.sum(),
        "absolute differences: with signs, errors cancel": signed,
    }
    right = 1 - off[changed].sum() / size.sum()
    got = report.call(edit_kept, source, truth, noisy)
    report.close(got, right, "changes elsewhere do not count", mistakes=mistakes)
