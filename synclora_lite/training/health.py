"""Whether a run may go on: numbers that are finite and small, weights that are numbers."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from synclora_lite.errors import TrainingError
from synclora_lite.training.checkpoint import checkpoints

EXPLODED = 1e4
"""A loss above this has exploded: every recipe's loss is of order 1 from its first step on."""


def check_numbers(numbers: Mapping[str, float], step: int, pairs: list[str], folder: Path) -> None:
    """Stop a run whose loss or gradient is no number, or whose loss has exploded.

    Args:
        numbers: `loss` and `gradient` of the step.
        step: Its number.
        pairs: Names of the pairs it was made from.
        folder: Where the checkpoints are.

    Raises:
        TrainingError: Names the step, the pairs, and the last good checkpoint.

    """
    loss, gradient = numbers["loss"], numbers["gradient"]
    if math.isfinite(loss) and math.isfinite(gradient) and loss <= EXPLODED:
        return
    made_of = f", made of {', '.join(pairs)}" if pairs else ""
    raise TrainingError(
        f"loss {loss:.4g} and gradient {gradient:.4g} at step {step}{made_of}",
        f"finite numbers, and a loss up to {EXPLODED:g}",
        f"{last_good(folder)}; lower lr or clip more",
    )


def check_weights(weights: Mapping[str, Tensor], step: int, folder: Path) -> None:
    """Stop a run whose weights are no numbers, before they are saved or trained on.

    Raises:
        TrainingError: Names the step, the first such weight, and the last good checkpoint.

    """
    for name, weight in weights.items():
        if not torch.isfinite(weight).all():
            raise TrainingError(
                f"the weights {name} hold values that are no numbers at step {step}",
                "finite weights",
                f"{last_good(folder)}; start from other weights, or lower lr",
            )


@contextmanager
def told_with(step: int, folder: Path) -> Iterator[None]:
    """Tell what a part of a step finds wrong together with the step and the last checkpoint."""
    try:
        yield
    except TrainingError as error:
        advice = "; ".join(filter(None, (last_good(folder), error.advice)))
        raise TrainingError(f"step {step}: {error.what}", error.expected, advice) from error


def last_good(folder: Path) -> str:
    """Say which checkpoint a run can go back to."""
    found = checkpoints(folder)
    return f"the last good checkpoint is {found[-1] if found else 'none'}"
