"""Checks of chapter 5: an adapter folded in, timesteps, masks, the loss, a smaller file."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool

from synclora_course.checks.framework import Report, check
from synclora_lite.viz import Picture, figure, style

Function = Callable[..., Any]


@check("5.1")
def check_merge(report: Report, merge: Function) -> None:
    """Exercise 5.1: the weight with an adapter folded in."""
    g = report.generator
    m, n, r = 6, 5, 3
    weight, A, B = (torch.randn(s, generator=g) for s in ((m, n), (r, n), (m, r)))  # noqa: N806
    alpha, strength = 7.0, 0.5
    report.aids["cannot be multiplied"] = "the update is B A, (m, r) times (r, n), not A B"
    merged = report.call(merge, weight, A, B, alpha, strength)
    report.shape(merged, (m, n), "the merged weight", "B A is (m, n), as the weight is")
    want = weight + strength * alpha / r * B @ A
    report.close(
        merged,
        want,
        "W + strength * alpha / r * B A",
        "compare with the equation, term by term",
        mistakes={
            "did you forget to divide alpha by the rank?": weight + strength * alpha * B @ A,
            "did you leave out alpha / r?": weight + strength * B @ A,
            "did you forget the strength?": weight + alpha / r * B @ A,
            "that is the update alone: add it to the weight": want - weight,
            "the strength scales the update, not the weight as well": strength
            * (weight + alpha / r * B @ A),
            "the rank is the number of rows of A, not of columns": weight
            + strength * alpha / n * B @ A,
            "add the update, do not subtract it": 2 * weight - want,
        },
    )
    report.close(report.call(merge, weight, A, B, alpha, 0.0), weight, "strength 0 gives W back")
    x = torch.randn(4, n, generator=g)
    apart = x @ weight.T + alpha / r * (x @ A.T) @ B.T
    full = report.call(merge, weight, A, B, alpha)
    report.close(x @ full.T, apart, "at strength 1 it does what W and the adapter do together")


@check("5.2")
def check_sequence_sigmas(report: Report, sequence_sigmas: Function) -> None:
    """Exercise 5.2: one noise level for each latent frame of reference and target."""
    for batch, reference, target in ((2, 2, 3), (3, 5, 5), (1, 4, 1)):
        sigma = 0.05 + 0.9 * torch.rand(batch, generator=report.generator)
        got = report.call(sequence_sigmas, sigma, reference, target)
        what = f"levels for {reference} reference and {target} target frames"
        report.shape(got, (batch, reference + target), what, "one row a sample, one column a frame")
        level = sigma[:, None]
        zeros, ones = torch.zeros(batch, 1), torch.ones(batch, 1)
        clean, noisy = zeros.repeat(1, reference), level.repeat(1, target - 1)
        report.close(
            got,
            torch.cat([clean, zeros, noisy], 1),
            what,
            "0 for the reference and the first target frame, sigma for the rest",
            mistakes={
                "did you give the reference tokens the target's timestep?": torch.cat(
                    [level.repeat(1, reference), zeros, noisy], 1
                ),
                "the target's first frame is given: its level is 0": torch.cat(
                    [clean, level, noisy], 1
                ),
                "every frame has the target's level: reference and first frame are clean": (
                    level.repeat(1, reference + target)
                ),
                "the reference comes first, the target after it": torch.cat(
                    [zeros, noisy, clean], 1
                ),
                "only the first frame of the sequence is 0: the whole reference is clean": (
                    torch.cat([zeros, level.repeat(1, reference + target - 1)], 1)
                ),
                "levels are sigma from 0 to 1; the factor 1000 is applied later": 1000
                * torch.cat([clean, zeros, noisy], 1),
                "did you fill in 1 instead of sigma?": torch.cat(
                    [clean, zeros, ones.repeat(1, target - 1)], 1
                ),
            },
        )


@check("5.3")
def check_attention_mask(report: Report, attention_mask: Function) -> None:
    """Exercise 5.3: who may look at whom under the layout reference-self."""
    for reference, target in ((2, 3), (4, 4), (3, 1)):
        got = report.call(attention_mask, reference, target)
        total = reference + target
        what = f"the mask for {reference} reference and {target} target tokens"
        report.shape(got, (total, total), what, "one row for each query, one column for each key")
        mask = torch.as_tensor(got)
        boolean = "make it boolean: True where looking is allowed"
        report.expect(mask.dtype == torch.bool, "", boolean)
        want = _reference_self(reference, target)
        report.picture(lambda mask=mask, want=want, r=reference: _draw_masks(mask, want, r))  # type: ignore[misc]
        report.close(
            mask,
            want,
            what,
            "rows are queries: the reference's rows are False in the target's columns",
            mistakes={
                "transposed: it is the reference that must not look at the target": want.T,
                "full attention: here the reference looks only at itself": torch.ones_like(want),
                "the target looks at everything, not only at itself": torch.block_diag(
                    torch.ones(reference, reference), torch.ones(target, target)
                ),
                "inverted: True stands for allowed": ~want,
                "the reference looks at itself: did you close that part too?": _blind_reference(
                    reference, target
                ),
            },
        )
    report.picture(
        lambda: _draw_masks(torch.as_tensor(attention_mask(4, 5)), _reference_self(4, 5), 4),
        on_success=True,
    )


@check("5.4")
def check_sequence_loss(report: Report, sequence_loss: Function) -> None:
    """Exercise 5.4: the velocity error over the noisy target tokens."""
    g = report.generator
    batch, frames, per_frame, channels, reference = 3, 4, 6, 5, 12
    shape = (batch, frames * per_frame, channels)
    latents, noise = torch.randn(shape, generator=g), torch.randn(shape, generator=g)
    velocity = torch.randn(batch, reference + shape[1], channels, generator=g)
    got = report.call(sequence_loss, velocity, latents, noise, reference, per_frame)
    report.shape(got, (batch,), "the loss", "one number per sample: average over tokens, channels")
    answer = velocity[:, reference:]
    error = (answer - (noise - latents)).square()
    flipped = (answer - (latents - noise)).square()
    of_all = torch.cat([velocity[:, :reference].square(), error], 1)
    noisy = error[:, per_frame:]
    report.close(
        got,
        noisy.mean((1, 2)),
        "the mean squared error over noisy target tokens",
        "cut off the reference's answers, then the first frame's, then average",
        mistakes={
            "the first frame's tokens are given: leave them out": error.mean((1, 2)),
            "the velocity is noise minus latents, not the other way round": flipped[
                :, per_frame:
            ].mean((1, 2)),
            "take the mean over the channels, not the sum": noisy.sum(2).mean(1),
            "divide by the number of noisy tokens only": error[:, per_frame:].sum((1, 2))
            / (shape[1] * channels),
            "the reference's tokens are in your mean": of_all.mean((1, 2)),
            "the target is the velocity, not the clean latents": (answer - latents)
            .square()[:, per_frame:]
            .mean((1, 2)),
            "the target is the velocity, not the noise": (answer - noise)
            .square()[:, per_frame:]
            .mean((1, 2)),
            "square the error, do not take its absolute value": noisy.sqrt().mean((1, 2)),
            "that is one frame too few: drop the first frame only once": error[
                :, 2 * per_frame :
            ].mean((1, 2)),
            "the reference comes first in the sequence: cut it off at the start": (
                velocity[:, : shape[1]] - (noise - latents)
            )
            .square()[:, per_frame:]
            .mean((1, 2)),
        },
    )
    velocity[:, : reference + per_frame] += 100
    again = report.call(sequence_loss, velocity, latents, noise, reference, per_frame)
    report.close(again, got, "answers for reference and first frame do not count")
    velocity[:, reference:] = noise - latents
    perfect = report.call(sequence_loss, velocity, latents, noise, reference, per_frame)
    report.close(perfect, torch.zeros(batch), "a perfect answer has loss 0")


@check("5.5")
def check_compress(report: Report, compress: Function) -> None:
    """Exercise 5.5: the nearest adapter of a lower rank."""
    g = report.generator
    m, n, r = 12, 9, 6
    A, B = torch.randn(r, n, generator=g), torch.randn(m, r, generator=g)  # noqa: N806
    product = B @ A
    U, S, Vh = torch.linalg.svd(product, full_matrices=False)  # noqa: N806
    for rank in (1, 3, r):
        result = report.call(compress, A, B, rank)
        pair = isinstance(result, tuple | list) and len(result) == 2
        report.expect(pair, "", "return two factors, A' and B'")
        small_a, small_b = result
        swapped = "A' comes first and is (rank, n), B' is (m, rank)"
        report.shape(small_a, (rank, n), f"A' of rank {rank}", swapped)
        report.shape(small_b, (m, rank), f"B' of rank {rank}", swapped)
        best = (U[:, :rank] * S[:rank]) @ Vh[:rank]
        report.close(
            small_b @ small_a,
            best,
            f"B' A' of rank {rank} is the nearest",
            "multiply your factors and compare with the truncated decomposition of B A",
            mistakes={
                "did you leave out the singular values?": U[:, :rank] @ Vh[:rank],
                "put the singular values in once: half of each in either factor": (
                    U[:, :rank] * S[:rank].square()
                )
                @ Vh[:rank],
                "did you keep the smallest singular values? They come in falling order": (
                    U[:, -rank:] * S[-rank:]
                )
                @ Vh[-rank:],
                "cutting rows of A and columns of B is not the nearest: decompose B A": B[:, :rank]
                @ A[:rank],
                "`Vh` is transposed already: keep its first rows": (U[:, :rank] * S[:rank])
                @ Vh[:, :rank].T,
                "alpha equals the rank before and after: leave the factor out": best * r / rank,
            },
            atol=1e-4,
        )
        error = (small_b @ small_a - product).square().sum()
        left_out = S[rank:].square().sum()
        report.close(error, left_out, f"rank {rank}: the error is what was left out", atol=1e-3)


def _reference_self(reference: int, target: int) -> Bool[torch.Tensor, "queries keys"]:
    mask = torch.ones(reference + target, reference + target, dtype=torch.bool)
    mask[:reference, reference:] = False
    return mask


def _blind_reference(reference: int, target: int) -> Bool[torch.Tensor, "queries keys"]:
    mask = _reference_self(reference, target)
    mask[:reference] = False
    return mask


def _draw_masks(
    got: Bool[torch.Tensor, "queries keys"],
    want: Bool[torch.Tensor, "queries keys"],
    reference: int,
) -> Picture:
    """Draw the student's mask beside what should be let through."""
    with style():
        picture = figure(6.4, 3.2)
        for axes, (title, mask) in zip(
            picture.subplots(1, 2), {"yours": got, "expected": want}.items(), strict=True
        ):
            axes.imshow(np.asarray(mask, dtype=float), vmin=0, vmax=1, cmap="Blues")
            for line in (axes.axhline, axes.axvline):
                line(reference - 0.5, color="#D55E00", linewidth=1.5)
            axes.set(title=title, xlabel="key", ylabel="query", xticks=[], yticks=[])
            axes.grid(visible=False)
        alt = (
            "Your attention mask beside the expected one; dark is allowed, lines end the reference."
        )
        return Picture.from_figure(picture, alt)
