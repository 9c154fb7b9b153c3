"""Checks of chapter 6: noise levels, one step, memory, resumable reading, and when to stop."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from synclora_course.checks.framework import Report, check
from synclora_lite.viz import Picture, figure, style

Function = Callable[..., Any]
GIGA = 10**9


@check("6.1")
def check_training_sigmas(report: Report, training_sigmas: Function) -> None:
    """Exercise 6.1: a shifted logit-normal, some levels drawn evenly."""
    g, mu = report.generator, 0.8
    normal, uniform = torch.randn(40, generator=g), torch.rand(40, generator=g)
    use = torch.rand(40, generator=g) < 0.3
    got = report.call(training_sigmas, normal, uniform, use, mu)
    report.shape(got, (40,), "the levels", "one level for each of the given numbers")
    report.picture(lambda: _draw_levels(torch.as_tensor(got).double().numpy()))
    inside = bool(((torch.as_tensor(got) > 0) & (torch.as_tensor(got) < 1)).all())
    sigmoid = torch.sigmoid(mu + normal)
    known = {
        "mu moves the log-odds: add it before the sigmoid, not after": torch.where(
            use, uniform, torch.sigmoid(normal) + mu
        ),
        "did you forget mu?": torch.where(use, uniform, torch.sigmoid(normal)),
        "a larger mu means more noise: add it, do not subtract it": torch.where(
            use, uniform, torch.sigmoid(normal - mu)
        ),
        "use_uniform is true where the even draw is used": torch.where(use, sigmoid, uniform),
        "did you forget the even draws?": sigmoid,
        "mu shifts, it does not scale": torch.where(use, uniform, torch.sigmoid(mu * normal)),
        "the even draws stay as they are, without the shift": torch.sigmoid(
            mu + torch.where(use, uniform, normal)
        ),
    }
    want = torch.where(use, uniform, sigmoid)
    report.close(got, want, "1 / (1 + exp(-(mu + z)))", "look at the equation", mistakes=known)
    report.expect(inside, "all levels lie between 0 and 1")
    none = torch.zeros(3, dtype=torch.bool)
    middle = report.call(training_sigmas, torch.zeros(3), torch.rand(3), none, 0.0)
    report.close(middle, torch.full((3,), 0.5), "z = 0 and mu = 0 give one half")


@check("6.2")
def check_train_step(report: Report, train_step: Function) -> None:
    """Exercise 6.2: one step of an optimiser on a clipped gradient."""
    start = torch.randn(5, generator=report.generator)
    goal = start + 1 + torch.rand(5, generator=report.generator)
    clip, rate = 0.5, 0.1
    weight = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.SGD([weight], lr=rate)
    weight.grad = torch.full_like(start, 7.0)  # what an earlier pass left behind

    def loss_of() -> torch.Tensor:
        return (weight - goal).square().sum()

    gradient = 2 * (start - goal)
    norm = gradient.norm().item()
    first = report.call(train_step, loss_of, [weight], optimizer, clip)
    pair = isinstance(first, tuple | list) and len(first) == 2
    report.expect(pair, "", "return two numbers: the loss, and the norm")
    report.expect(
        all(isinstance(value, float) for value in first), "", "plain numbers: call .item() on both"
    )
    report.close(
        weight,
        start - rate * clip * gradient / norm,
        "the weight after one step",
        "the order is: forget old gradients, backward, clip, step",
        mistakes={
            "no step was taken: call optimizer.step()": start,
            "did you clip after the step?": start - rate * gradient,
            "the gradient is not clipped": start - rate * gradient,
            "an old gradient was there: call zero_grad before backward": start
            - rate * clip * (gradient + 7) / (gradient + 7).norm(),
            "zero_grad came after backward: nothing was left to step on": start,
        },
    )
    report.close(
        first[0],
        (start - goal).square().sum().item(),
        "the loss",
        "return the loss of this step, not that after it",
    )
    report.close(
        first[1],
        norm,
        "the norm before clipping",
        "clip_grad_norm_ returns the norm before it clips",
        mistakes={"that is the norm after clipping": clip},
    )
    before = weight.detach().clone()
    report.call(train_step, loss_of, [weight], optimizer, clip)
    again = 2 * (before - goal)
    report.close(
        weight,
        before - rate * clip * again / again.norm(),
        "a second step sees its own gradient only",
        "call zero_grad before backward",
    )


@check("6.3")
def check_memory_bytes(report: Report, memory_bytes: Function) -> None:
    """Exercise 6.3: what training an adapter needs."""
    cases = [(2 * GIGA, GIGA // 10, 4 * GIGA, 2), (6_700_000, 800_000, 30_000_000, 4)]
    weights = int(report.rng.integers(1, 50)) * GIGA // 10
    cases.append((weights, weights // 40, int(report.rng.integers(1, 20)) * GIGA // 4, 1))
    for total, trained, activations, width in cases:
        got = report.call(memory_bytes, total, trained, activations, width)
        what = f"{total / 1e9:g}e9 weights of {width} bytes, {trained / 1e9:g}e9 trained"
        report.close(
            got,
            total * width + 16 * trained + activations,
            what,
            "weights, then for each trained number: itself, its gradient, two averages",
            mistakes={
                "AdamW keeps two averages for each trained number, not one": total * width
                + 12 * trained
                + activations,
                "did you forget the adapter's own numbers?": total * width
                + 12 * trained
                + activations,
                "frozen weights have no gradient and no averages": total * width
                + 12 * total
                + activations,
                "frozen weights need no averages: count the trained numbers only": (
                    16 * (total + trained) + activations
                ),
                "did you forget the activations?": total * width + 16 * trained,
                "the adapter's numbers are float32, whatever the model's are": total * width
                + trained * (width + 12)
                + activations,
                "gradients are float32 too: four bytes each": total * width
                + trained * (4 + width + 8)
                + activations,
                "the optimiser's averages are missing": total * width + 8 * trained + activations,
                "the gradients are missing": total * width + 12 * trained + activations,
            },
            rtol=1e-9,
        )


@check("6.4")
def check_rows_of_batch(report: Report, rows_of_batch: Function) -> None:
    """Exercise 6.4: shuffled reading that can go on at any batch."""
    count, batch, passes, seed = 10, 4, 4, int(report.rng.integers(1000))
    batches = passes * count // batch
    rows = [report.call(rows_of_batch, count, batch, k, seed) for k in range(batches)]
    for part in rows:
        report.shape(part, (batch,), "a batch", "a tensor of `batch` row numbers")
    report.properties = ["every batch has its size"]
    again = report.call(rows_of_batch, count, batch, 3, seed)
    same = np.array_equal(np.asarray(again), np.asarray(rows[3]))
    hint = "make a generator from the arguments: torch.Generator().manual_seed(...)"
    report.expect(same, "asked twice, it gives the same rows", hint)
    reading = np.concatenate([np.asarray(part) for part in rows]).reshape(passes, count)
    report.expect(
        all(sorted(part) == list(range(count)) for part in reading.tolist()),
        "every pass visits each row exactly once",
        "did you draw with replacement, or shuffle inside a batch only? Shuffle all rows, then cut",
    )
    orders = {tuple(part) for part in reading.tolist()}
    other = "every pass has another order"
    report.expect(len(orders) == passes, other, "put the number of the pass into the seed")
    report.expect(tuple(range(count)) not in orders, "the rows are shuffled", "use torch.randperm")
    others = np.concatenate(
        [np.asarray(report.call(rows_of_batch, count, batch, k, seed + 1)) for k in range(5)]
    )
    report.expect(
        not np.array_equal(others, reading.ravel()[: len(others)]),
        "another seed gives another reading",
        "is the seed used?",
    )
    neighbours = np.concatenate(
        [np.asarray(report.call(rows_of_batch, count, count, 0, seed + k)) for k in (0, 1)]
    )
    report.expect(
        not np.array_equal(neighbours[count:], reading[1]),
        "seeds do not repeat each other's passes",
        "seed + pass is the same for seed 0, pass 1 and for seed 1, pass 0: spread them apart",
    )


@check("6.5")
def check_early_stop(report: Report, early_stop: Function) -> None:
    """Exercise 6.5: which weights to keep, and when to stop."""
    curves: list[tuple[list[float | int], int]] = [
        ([5, 4, 3, 3.5, 3.2, 2], 2),
        ([3, 2, 1], 1),
        ([1, 2, 3, 4], 2),
        ([2, 2, 2, 2], 3),
        ([4, 5, 3, 5, 5, 2, 6], 2),
    ]
    noise = report.rng.random(12)
    curves.append(((2 - np.linspace(0, 1, 12) + noise).round(2).tolist(), 3))
    for losses, patience in curves:
        got = report.call(early_stop, list(losses), patience)
        pair = isinstance(got, tuple | list) and len(got) == 2
        report.expect(pair, "", "return two indices: of the best, and of the last evaluation")
        report.close(
            np.array(got, dtype=float),
            np.array(_stop(losses, patience), dtype=float),
            f"early_stop({list(losses)}, {patience})",
            "walk through the list with the index of the best so far in hand",
            mistakes={
                "a later best, after the stop, cannot be known": np.array(
                    [int(np.argmin(losses)), _stop(losses, patience)[1]], dtype=float
                ),
                "stop at the patience-th evaluation without a new best, not one later": np.array(
                    _stop(losses, patience + 1), dtype=float
                ),
                "an equal loss is no new best": np.array(_stop(losses, patience, ties=True)),
                "the best comes first, the last second": np.array(
                    _stop(losses, patience)[::-1], dtype=float
                ),
                "you return losses: return indices": np.array(
                    [losses[k] for k in _stop(losses, patience)]
                ),
                "it never stops: count the evaluations since the best": np.array(
                    _stop(losses, math.inf), dtype=float
                ),
            },
        )


def _stop(
    losses: Sequence[float | int], patience: float | int, ties: bool = False
) -> tuple[int, int]:
    best = 0
    for index, loss in enumerate(losses):
        if loss < losses[best] or (ties and loss == losses[best]):
            best = index
        elif index - best >= patience:
            return best, index
    return best, len(losses) - 1


def _draw_levels(levels: Float[np.ndarray, " draws"]) -> Picture:
    """Draw how the student's levels are spread."""
    with style():
        picture = figure(4.8, 2.6)
        axes = picture.subplots()
        axes.hist(levels[np.isfinite(levels)], bins=24)
        axes.set(title="your noise levels", xlabel="sigma", ylabel="how many")
        return Picture.from_figure(picture, "A histogram of the noise levels that you drew.")
