"""Checks of chapter 9: sizes that fit, tokens, the adapter's size, its names, and frame rates."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from synclora_course.checks.framework import Report, check

Function = Callable[..., Any]
RATES = (10, 12, 24, 25, 30, 48, 50, 60)


@check("9.1")
def check_fit_clip(report: Report, fit_clip: Function) -> None:
    """Exercise 9.1: the largest legal clip inside another."""
    sizes = report.rng.integers(1, 1500, (40, 3)).tolist()
    cases = [(80, 500, 720), (81, 512, 512), (1, 32, 32), (8, 31, 33), (9, 1000, 10), *sizes]
    for case in cases:
        frames, height, width = case
        got = report.call(fit_clip, *case)
        report.parts(got, 3, "return three numbers: frames, height, width")
        right = _fit(*case)
        nearest = [max(32, round(side / 32) * 32) for side in (height, width)]
        slips = {
            "frames are 8k + 1: the first one stands alone": (frames // 8 * 8, *right[1:]),
            "81 frames fit as they are: (81 - 1) is a multiple of 8": (
                frames // 8 * 8 + 1,
                *right[1:],
            ),
            "round down, not to the nearest: the clip must fit inside": (right[0], *nearest),
            "a side smaller than 32 becomes 32, not 0": (
                right[0],
                height // 32 * 32,
                width // 32 * 32,
            ),
            "the order is frames, height, width": (right[0], right[2], right[1]),
        }
        what = f"fit_clip({frames}, {height}, {width})"
        hint = "frames: take the first one away, round down to 8, and put it back"
        report.close(np.array(got, dtype=float), right, what, hint, mistakes=slips)
    report.properties = ["81 frames of 512 x 512 stay as they are", f"right for {len(cases)} sizes"]


@check("9.2")
def check_sequence_tokens(report: Report, sequence_tokens: Function) -> None:
    """Exercise 9.2: tokens of target and reference."""
    cases: list[tuple[int, int, int, int | None]] = [(81, 512, 512, 1), (81, 512, 512, 2)]
    cases += [(9, 64, 128, None), (1, 32, 32, 1)]
    for _ in range(12):
        frames = 8 * int(report.rng.integers(0, 16)) + 1
        height, width = (64 * int(n) for n in report.rng.integers(1, 12, 2))
        cases.append((frames, height, width, [None, 1, 2][int(report.rng.integers(3))]))
    for frames, height, width, downscale in cases:
        got = report.call(sequence_tokens, frames, height, width, downscale)
        area, scale = (height // 32) * (width // 32), downscale or 1
        target = ((frames - 1) // 8 + 1) * area
        right = target + (target // scale**2 if downscale else 0)
        mistakes = {
            "one latent frame holds 8 frames, but the first holds one: (frames - 1) // 8 + 1": (
                (frames // 8) * (area + (area // scale**2 if downscale else 0))
            ),
            "did you forget the reference?": target,
            "with None there is no reference": 2 * target,
            "half the height *and* half the width: a quarter of the tokens": (
                target + target // scale
            ),
            "the reference has as many frames as the target: only its sides shrink": (
                target + target // scale**3
            ),
            "downscale makes the reference smaller, not larger": target + target * scale**2,
        }
        what = f"tokens of {frames} frames, {height} x {width}, downscale {downscale}"
        hint = "count target and reference apart, then add"
        report.close(got, right, what, hint, mistakes=mistakes)
    report.properties = ["5632 tokens for the released size", f"right for {len(cases)} clips"]


@check("9.3")
def check_lora_parameters(report: Report, lora_parameters: Function) -> None:
    """Exercise 9.3: how many parameters an adapter has."""
    rng = report.rng
    endings = ["to_q", "to_out.0"]
    for rank in (1, 3, 16):
        shapes = {
            f"blocks.{k}.{name}": tuple(int(n) for n in rng.integers(2, 60, 2))
            for k in range(3)
            for name in ("to_q", "to_k", "to_out.0", "to_q_norm", "into_q")
        } | {"to_q": (7, 5)}
        chosen = [s for n, s in shapes.items() if n.rsplit(".to_", 1)[-1] in ("q", "out.0", "to_q")]
        loose = [s for n, s in shapes.items() if n.endswith(tuple(endings))]
        anywhere = [s for n, s in shapes.items() if any(e in n for e in endings)]
        sides, areas = sum(map(sum, chosen)), sum(a * b for a, b in chosen)
        mistakes = {
            "that is the size of the layers themselves, not of A and B": areas,
            "into_q is another layer: an ending begins after a dot": rank * sum(map(sum, loose)),
            "to_q_norm only contains the ending: it must stand at the end": (
                rank * sum(map(sum, anywhere))
            ),
            "a layer whose whole name is the ending counts too": rank * (sides - 12),
            "there are two factors: A has in, B has out": rank * sum(b for _, b in chosen),
            "the rank multiplies the sum, not each side twice": rank**2 * sides,
        }
        hint = "each chosen layer has A, (rank, in), and B, (out, rank)"
        got, known = (
            report.call(lora_parameters, shapes, endings, rank),
            mistakes if rank > 1 else {},
        )
        report.close(got, rank * sides, f"parameters at rank {rank}", hint, mistakes=known)


@check("9.4")
def check_rename_keys(report: Report, rename_keys: Function) -> None:
    """Exercise 9.4: adapter names of any tool to diffusers' names."""
    layer = f"transformer_blocks.{int(report.rng.integers(40))}.attn1.to_out.0"
    wanted = {f"transformer.{layer}.lora_{x}.weight" for x in "AB"}
    for prefix in ("diffusion_model.", "base_model.model.", "", "transformer."):
        for names in (("lora_down", "lora_up"), ("lora_A", "lora_B")):
            weights = {f"{prefix}{layer}.{name}.weight": k for k, name in enumerate(names)}
            got = report.call(rename_keys, weights)
            report.expect(isinstance(got, dict), "", "return a dictionary")
            what, factors = f"names with the prefix {prefix!r} and {names[0]}", sorted(wanted)
            report.expect(set(got) == wanted, what, _advice(got, layer), f"{factors[0]} and its B")
            hint = "lora_down is A, lora_up is B: values must stay with their names"
            report.expect(got[factors[0]] == 0, "", hint)
    try:
        result = rename_keys({"transformer.proj_in.weight": 0})
    except ValueError as error:
        named = "proj_in.weight" in str(error)
        report.expect(named, "a stranger's error names the key", "put the key into the message")
    else:
        report.expect(False, f"a stranger is refused ({result})", "raise ValueError for other keys")


@check("9.5")
def check_resample_frames(report: Report, resample_frames: Function) -> None:
    """Exercise 9.5: the source frame on the screen at each target frame."""
    cases = [(6, 30, 25), (3, 24, 48), (10, 25, 25), (30, 10, 30), (7, 60, 24)]
    rates = report.rng.choice(RATES, (25, 2)).tolist()
    cases += [(int(report.rng.integers(1, 90)), a, b) for a, b in rates]
    for count, source, target in cases:
        got = list(report.call(resample_frames, count, source, target))
        right = _resampled(count, source, target)
        what = f"{count} frames at {source}, shown at {target}"
        begin = [k * source / target for k in range(len(right))]
        ratio = [min(count - 1, k * target // source) for k in range(len(right))]
        mistakes = {
            "the ratio is upside down: frame k begins at k / target_rate seconds": ratio,
            "show the frame on the screen, which began last: round down": [
                min(count - 1, round(b)) for b in begin
            ],
            "floating point: use whole numbers, k * source_rate // target_rate": [
                int(k / target * source) for k in range(len(right))
            ],
            "the last frames are missing: round the number of frames up": right[
                : count * target // source
            ],
        }
        hint = "write down k for a short clip"
        if len(got) > len(right):
            hint = "the clip ends with its last frame: no target frame begins after that"
        report.close(np.array(got), right, what, hint, mistakes=mistakes)
    report.properties = [f"right for {len(cases)} clips", "no rounding error at any rate"]


def _fit(frames: int, height: int, width: int) -> tuple[int, int, int]:
    return (frames - 1) // 8 * 8 + 1, max(32, height // 32 * 32), max(32, width // 32 * 32)


def _advice(got: dict[str, Any], layer: str) -> str:
    """Say what is wrong with the names, by what they hold."""
    text = " ".join(got)
    second = "a name that has transformer. keeps one, it does not get a second"
    found = {
        "lora_down": "lora_down and lora_up are still there",
        "lora_up": "lora_down and lora_up are still there",
        f"transformer.transformer.{layer}": second,
        "diffusion_model": "another tool's prefix is still there",
        "base_model": "another tool's prefix is still there",
        "transformer._blocks": "transformer_blocks begins like the prefix: look for the dot",
        "transformer.blocks": "transformer_blocks begins like the prefix: look for the dot",
    }
    otherwise = "every name is transformer., the layer, and the factor"
    return next((hint for part, hint in found.items() if part in text), otherwise)


def _resampled(count: int, source: int, target: int) -> list[int]:
    """Count with fractions, frame by frame."""
    shown, k = [], 0
    while Fraction(k, target) < Fraction(count, source):
        shown.append(int(Fraction(k * source, target)))
        k += 1
    return shown
