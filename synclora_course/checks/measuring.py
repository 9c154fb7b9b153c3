"""Checks of chapter 8: edit kept, flicker, intervals, paired differences, the front."""

from collections.abc import Callable
from typing import Any

import numpy as np

from synclora_course.checks.framework import Report, check

Function = Callable[..., Any]
Frames = np.ndarray
Point = tuple[float, float]


@check("8.1")
def check_edit_kept(report: Report, edit_kept_by_hand: Function) -> None:
    """Exercise 8.1: the share of the edit that is kept."""
    source, truth, output = _clips(report)
    s, t, o = (clip.astype(float) for clip in (source, truth, output))
    edit, lost = np.abs(s - t), np.abs(o - t)
    lost8, edit8 = (np.abs(clip - truth).astype(float) for clip in (output, source))
    for threshold in (24, 50):

        def share(mask: np.ndarray, first: int = 1, lost: Any = lost, edit: Any = edit) -> float:
            mask = mask[first:]
            total = float(edit[first:][mask].sum())
            return 1 - float(lost[first:][mask].sum()) / total if total else float("nan")

        changed = (edit >= threshold).any(-1)
        wrapped = share((edit8 >= threshold).any(-1), 1, lost8, edit8)
        from_output = share((lost >= threshold).any(-1))
        mistakes = {
            "frame 0 is given to every method: leave it out": share(changed, 0),
            "a pixel counts if *any* channel changes, not all": share((edit >= threshold).all(-1)),
            "any channel, not the mean of the channels": share(edit.mean(-1) >= threshold),
            "all three channels of a changed pixel count": share(edit >= threshold),
            "only changed pixels count: did you forget the mask?": share(np.ones_like(changed)),
            "uint8 wraps round (3 - 5 is 254): convert to float first": wrapped,
            "that is the share that is lost: take it from 1": 1 - share(changed),
            "compare the output with the truth, not with the source": share(
                changed, 1, np.abs(o - s)
            ),
            "the mask comes from source and truth, not from the output": from_output,
            "at least the threshold: >= and not >": share((edit > threshold).any(-1)),
        }
        got = report.call(edit_kept_by_hand, source, truth, output, threshold)
        what, right = f"edit kept at a threshold of {threshold}", share(changed)
        hint = "go through the formula: which pixels, which frames, which two sums"
        report.close(got, right, what, hint, mistakes=mistakes, rtol=1e-6, atol=1e-9)
    for clip, kept in ((truth, 1.0), (source, 0.0)):
        got = report.call(edit_kept_by_hand, source, truth, clip, 24)
        report.close(got, kept, f"the {'truth gives 1' if kept else 'source gives 0'}")


@check("8.2")
def check_flicker(report: Report, flicker_by_hand: Function) -> None:
    """Exercise 8.2: change where the truth stands still."""
    _, truth, output = _clips(report)
    truth = truth.copy()
    truth[:, :, ::2] = truth[:1, :, ::2]  # half of the picture stands still
    truth[3, :, ::4] = np.clip(truth[3, :, ::4].astype(int) + 2, 0, 255).astype(np.uint8)
    own = output.astype(float)
    steps, moves = np.abs(np.diff(own, axis=0)), np.abs(np.diff(truth.astype(float), axis=0))
    wrapped = np.abs(np.diff(output[1:], axis=0)).astype(float)
    both, later, signed = steps[1:], moves[1:], np.diff(own[1:], axis=0)
    for still in (2, 0):
        quiet = np.asarray((moves <= still).all(-1))
        mistakes = {
            "leave out frame 0: it is given": steps[quiet].mean(),
            "only where the truth stands still: did you forget the mask?": both.mean(),
            "no channel may move: all, not any": both[(later <= still).any(-1)].mean(),
            "the pixels come from the truth, not from the output": _mean(
                both[(both <= still).all(-1)]
            ),
            "uint8 wraps round: convert to float before the difference": wrapped[quiet[1:]].mean(),
            "that is where the truth moves": _mean(both[~quiet[1:]]),
            "up to `still` counts as still: <= and not <": _mean(both[(later < still).all(-1)]),
            "take the absolute value before the mean": signed[quiet[1:]].mean(),
        }
        got, right = report.call(flicker_by_hand, truth, output, still), both[quiet[1:]].mean()
        what = f"flicker where the truth moves by {still} at most"
        hint = "differences of neighbouring frames; a mask from the truth; the mean"
        report.close(got, right, what, hint, mistakes=mistakes)
    still_clip = np.repeat(output[:1], len(output), axis=0)
    report.close(report.call(flicker_by_hand, truth, still_clip, 2), 0.0, "a frozen clip has none")


@check("8.3")
def check_bootstrap_interval(report: Report, bootstrap_interval: Function) -> None:
    """Exercise 8.3: the percentile bootstrap interval of a mean."""
    resamples = 3000
    for size, level in ((40, 0.95), (15, 0.8)):
        values = report.rng.gamma(2.0, 1.0, size)
        rng = np.random.default_rng(int(report.rng.integers(1 << 30)))
        got = report.call(bootstrap_interval, values, resamples, level, rng)
        report.parts(got, 2, "return two numbers: the lower and the upper end")
        want, mean = _interval(values, resamples, level), values.mean()
        spread = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
        near = 0.12 * (want[1] - want[0])  # what randomness explains at this number of resamples
        mistakes = {
            "that is the spread of the values: resample, and take the mean of each": spread,
            "draw with replacement: otherwise every mean is the same": (mean, mean),
            "cut off half of 1 - level at either end": _interval(values, resamples, 2 * level - 1),
            "the lower end comes first": want[::-1],
        }
        hint = "resample, average each row, then take two quantiles of the averages"
        if float(got[0]) > want[1] - near:
            hint = "the interval is around the mean: did you draw the sum?"
        what = f"the interval of {size} values at level {level}"
        report.close(np.array(got, float), want, what, hint, mistakes=mistakes, rtol=0.0, atol=near)
    again = [
        tuple(report.call(bootstrap_interval, values, 200, 0.9, np.random.default_rng(3)))
        for _ in range(2)
    ]
    same = again[0] == again[1]
    report.expect(same, "the same generator gives the same interval", "draw from `rng` only")


@check("8.4")
def check_paired_difference(report: Report, paired_difference: Function) -> None:
    """Exercise 8.4: differences on the clips that both have."""
    rng = report.rng
    level = rng.normal(0, 1, 12)
    first = {k: float(level[k] + 0.1 + rng.normal(0, 0.02)) for k in range(10)}
    second = {k: float(level[k] + rng.normal(0, 0.02)) for k in range(3, 12)}
    first[5], second[7] = None, None  # type: ignore[assignment]
    both = [k for k in first if first[k] is not None and second.get(k) is not None]
    got = report.call(paired_difference, first, second)
    report.parts(got, 2, "return two numbers: the mean difference, and how many clips")
    means = [np.mean([v for v in each.values() if v is not None]) for each in (first, second)]
    filled = [(first.get(k) or 0) - (second.get(k) or 0) for k in {**first, **second}]
    right = float(np.mean([first[k] - second[k] for k in both]))
    mistakes = {
        "compare clip by clip: these are means over different clips": means[0] - means[1],
        "a clip without a figure is left out, it is not a zero": np.mean(filled),
        "first minus second": -right,
        "divide by the number of common clips": right * len(both) / len(first),
    }
    hint = "collect the clips that both have a figure for, then average the differences"
    report.close(got[0], right, "the mean difference", hint, mistakes=mistakes)
    hint = "count only clips with two figures"
    report.close(got[1], len(both), "the number of common clips", hint)


@check("8.5")
def check_pareto(report: Report, front: Function) -> None:
    """Exercise 8.5: the points that nothing beats."""
    known = {"a": (0.0, 1.0), "b": (1.0, 0.0), "c": (0.5, 0.5), "d": (0.4, 0.5), "e": (0.5, 0.5)}
    cases = [{n: known[n] for n in "abc"}, known, {"alone": (0.3, 0.2)}]
    for _ in range(20):
        values = report.rng.integers(0, 6, (9, 2)) / 5
        cases.append({f"m{k}": (float(x), float(y)) for k, (x, y) in enumerate(values)})
    for points in cases:
        got = report.call(front, dict(points))
        report.expect(not isinstance(got, dict | str), "", "return the names, as a set")
        names, right = set(got), _front(points)
        if names == right:
            continue
        hints = {
            "better in one and equal in the other beats as well": _front(
                points, lambda q, p: q[0] > p[0] and q[1] > p[1]
            ),
            "two equal points do not beat each other": {
                name
                for name, (x, y) in points.items()
                if sum(a >= x and b >= y for a, b in points.values()) == 1  # itself
            },
            "more is better in both": _front({n: (-x, -y) for n, (x, y) in points.items()}),
        }
        best = {max(points, key=lambda n, axis=axis: points[n][axis]) for axis in (0, 1)}  # type: ignore[misc]
        hint = "a point is out if one other is at least as good in both and better in one"
        if names <= best:
            hint = "the best in each number are on the front, but points between them can be too"
        hint = next((advice for advice, wrong in hints.items() if names == wrong), hint)
        what = f"front of {points} is {sorted(names)}"
        raise report.failure(what, str(sorted(right)), hint)
    report.properties = [f"right for {len(cases)} sets of points, ties included"]


def _clips(report: Report) -> tuple[Frames, Frames, Frames]:
    """Draw a source, a true edit of part of its pixels, and an output between and beside them."""
    rng = report.rng
    source = rng.integers(0, 256, (6, 8, 10, 3)).astype(np.uint8)
    shift = rng.integers(-70, 71, source.shape) * (rng.random(source.shape[:3]) < 0.6)[..., None]
    shift[0] *= 3  # frame 0 is unlike the others
    truth = np.clip(source.astype(int) + shift, 0, 255).astype(np.uint8)
    noise = rng.normal(0, 12, source.shape)
    output = np.clip(0.3 * source + 0.7 * truth.astype(float) + noise, 0, 255).astype(np.uint8)
    output[0] = truth[0]
    return source, truth, output


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")


def _interval(values: np.ndarray, resamples: int, level: float) -> tuple[float, float]:
    picks = np.random.default_rng(5).integers(0, len(values), (resamples, len(values)))
    low, high = np.quantile(values[picks].mean(1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _beats(one: Point, other: Point) -> bool:
    return one[0] >= other[0] and one[1] >= other[1] and one != other


def _front(points: dict[str, Point], beats: Callable[[Point, Point], bool] = _beats) -> set[str]:
    return {n for n, p in points.items() if not any(beats(q, p) for q in points.values())}
