"""Checks of chapter 2: cutting panels, planting a fault, counting a funnel, choosing a limit."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from synclora_course.checks.framework import Report, check
from synclora_lite.viz import PALETTE, Picture, figure, style

Function = Callable[..., Any]


@check("2.1")
def check_split_panels(report: Report, split_panels: Function) -> None:
    """Check the halves of a two-panel clip."""
    for width in (8, 9):
        frames = report.rng.integers(0, 256, (4, 6, width, 3), dtype=np.uint8)
        got = report.call(split_panels, frames)
        report.parts(got, 2, "return the left and the right half", "two clips")
        left, right = frames[:, :, :4], frames[:, :, -4:]
        hint = {
            8: "the axes are (T, H, W, colour): the panels lie along W, axis 2",
            9: "an odd width has a middle column that belongs to neither half: count the right "
            "half from the end",
        }[width]
        if width == 9 and np.shape(got[1]) == right.shape:
            hint = "the right half of an odd width starts one column later"
        swapped = {"the left half is the source, so it comes first": right}
        mirrored = {"the right half is cut rightly but mirrored": right[:, :, ::-1]}
        report.close(got[0], left, f"the left half of a width of {width}", hint, mistakes=swapped)
        report.close(got[1], right, f"the right half of {width}", hint, mistakes=mirrored)


@check("2.2")
def check_drop_map(report: Report, drop_map: Function) -> None:
    """Check the frame map of a recorder that skips."""
    for _ in range(3):
        frames, count = int(report.rng.integers(8, 20)), int(report.rng.integers(1, 4))
        at = int(report.rng.integers(2, frames - 2))
        got = report.call(drop_map, frames, at, count)
        report.shape(got, (frames,), "the map", "the clip keeps its length: one entry per frame")
        times = np.arange(frames)
        right = np.where(times < at, times, times + count)
        report.picture(lambda g=got, r=right: _draw_map(r, np.asarray(g)))  # type: ignore[misc]
        after = np.where(times <= at, times, times + count)
        late = np.where(times < at, times, times - count)
        held = np.where(times < at, times, np.maximum(times - count, at))
        mistakes = {
            "frame `at` itself is the first that comes early: use <, not <=": after,
            "left-out frames make the rest come *early*: later entries are larger": late,
            "only the rest of the clip comes early": times + count,
            "this clip holds frame `at` instead of skipping": held,
        }
        hint = "after the skip every entry is `count` larger than its own frame number"
        report.close(got, right, "the rest comes early", hint, mistakes=mistakes)


def _draw_map(right: Int[np.ndarray, " frames"], got: np.ndarray) -> Picture:
    """Draw the true frame shown at every frame, as expected and as found."""
    with style():
        canvas = figure(5.0, 2.8)
        axis = canvas.subplots()
        axis.plot(np.arange(len(right)), ":", color=PALETTE["grey"], label="in time")
        axis.plot(right, "o", markersize=9, color=PALETTE["green"], alpha=0.4, label="expected")
        axis.plot(got, "x", color=PALETTE["orange"], label="your map")
        axis.set(xlabel="frame of the clip", ylabel="true frame shown")
        axis.legend(fontsize=8)
        alt = "The true frame shown at each frame of a clip: a straight line with a step upwards."
        return Picture.from_figure(canvas, alt)


def show_expected_drop() -> Picture:
    """Draw the map of the exercise's example."""
    times = np.arange(8)
    right = np.where(times < 3, times, times + 2)
    return _draw_map(right, right)


def _left(
    checks: Sequence[dict[str, float]], order: Sequence[str], limit: float = 1.0
) -> list[int]:
    return [
        sum(all(pair.get(name, 0) <= limit for name in order[:k]) for pair in checks)
        for k in range(len(order) + 1)
    ]


@check("2.3")
def check_survivors(report: Report, survivors: Function) -> None:
    """Check the counts of a funnel."""
    names = ["time", "pose", "mouth", "gaze"]
    checks = [
        {name: float(report.rng.choice([0.3, 1.0, 1.8])) for name in names} for _ in range(40)
    ]
    for pair in checks[::5]:
        del pair["gaze"]
    order = [str(name) for name in report.rng.permutation(names)]
    got = report.call(survivors, [dict(pair) for pair in checks], list(order))
    report.expect(isinstance(got, Sequence), "a list of counts", "return a list")
    right = _left(checks, order)
    alone = [sum(pair.get(name, 0) <= 1 for pair in checks) for name in order]
    lost = [right[k] - right[k + 1] for k in range(len(order))]
    report.expect(len(got) != len(right) - 1, "", "begin with the number of all pairs")
    mistakes = {
        "a pair that is lost stays lost: count only what the stage before left": [40, *alone],
        "return how many are left, not how many are lost": [40, *lost],
        "a ratio of exactly 1 still passes": _left(checks, order, 0.99),
    }
    got, wanted = np.array(got, float), np.array(right, float)
    report.close(got, wanted, "the pairs left after each stage", mistakes=mistakes)
    none = report.call(survivors, [], ["time"])
    report.expect(list(none) == [0, 0], "no pairs give zeros", "try an empty list of pairs")


def _pick(errors: np.ndarray, good: np.ndarray, purity: float, *, first: bool = False) -> float:
    order = np.argsort(errors)
    holds = np.cumsum(good[order]) / np.arange(1, len(order) + 1) >= purity
    if first:
        ends = int(np.argmin(holds)) if not holds.all() else len(holds)
        return float(errors[order][ends - 1]) if ends else 0.0
    return float(errors[order][holds.nonzero()[0][-1]]) if holds.any() else 0.0


@check("2.4")
def check_pick_limit(report: Report, pick_limit: Function) -> None:
    """Check the most generous limit of a given purity."""
    errors, good = np.array([0.6, 0.2, 0.9, 0.4]), np.array([False, True, True, True])
    got = report.call(pick_limit, errors, good, 1.0)
    report.shape(got, (), "the limit", "return one number")
    mistakes = {
        "the most generous limit is wanted, the largest that will do": 0.2,
        "sort the good flags together with the errors": 0.0,
    }
    report.close(got, 0.4, "all accepted pairs are good", mistakes=mistakes)
    mistakes = {
        "purity can rise again: look at all limits, not only up to the first that fails": 0.4,
    }
    got = report.call(pick_limit, errors, good, 0.7)
    report.close(got, 0.9, "purity may dip in between", mistakes=mistakes)
    bad = np.array([False, False])
    hint = "if no limit will do, accept nothing: 0"
    report.close(report.call(pick_limit, np.array([0.3, 0.5]), bad, 0.5), 0.0, "none will do", hint)
    for purity in (0.5, 0.8, 0.95):
        errors = report.rng.gamma(2, 0.5, 30)
        good = report.rng.random(30) > errors / 4
        right, early = (_pick(errors, good, purity, first=first) for first in (False, True))
        mistakes = {"purity can rise again: look at all limits": early}
        hint = "purity is the share of good pairs among the *accepted*, not of all good pairs"
        got = report.call(pick_limit, errors, good, purity)
        report.close(got, right, f"random pairs at {purity:.0%}", hint, mistakes=mistakes)
