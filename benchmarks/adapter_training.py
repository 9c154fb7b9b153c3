"""How an adapter's training went: losses by noise level, and when it found its reference.

    python -m benchmarks.adapter_training runs/lite/adapter.toml --record

Reads the run's log of validations, and asks the base alone, without a reference, for the same
losses on the same pairs. At a high noise level the first frame says little of how a head will
move, so a loss far below the base's can only come from the reference.
Writes data/results/adapter_training.json.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synclora_lite.core import flow_loss, in_context_batch
from synclora_lite.files import write_result
from synclora_lite.models import load_model
from synclora_lite.training import LatentDataset, load_config
from synclora_lite.training.bank import split_rows
from synclora_lite.training.config import AdapterConfig
from synclora_lite.training.log import read_log
from synclora_lite.training.validation import LEVELS, loss_by_level

NOISY = "loss_0.9"


@torch.no_grad()
def plain_losses(config: AdapterConfig) -> dict[str, float]:
    """Return the losses of the base without a reference on the pairs held back by a run."""
    model, dataset = load_model(config.model), LatentDataset(config.bank)
    _, held = split_rows(torch.arange(len(dataset)), config.validation_clips)
    edited = dataset.read(held).float()[:, 1]
    conditioning = model.conditioning(edited.shape[2:])

    def loss(noise: Tensor, levels: Tensor) -> Tensor:
        return flow_loss(model.transformer, in_context_batch(edited, noise, levels, conditioning))

    return loss_by_level(loss, edited)


def moment(steps: Sequence[float], losses: Sequence[float], plain: float) -> int | None:
    """Return the first validated step from which on the loss stays below the base's."""
    below = [loss < plain for loss in losses]
    for index, step in enumerate(steps):
        if all(below[index:]):
            return int(step)
    return None


def main() -> None:
    """Print, and with --record store."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--record", action="store_true")
    args = parser.parse_args()
    config, out = load_config(args.config)
    assert isinstance(config, AdapterConfig)
    rows, plain = read_log(out / "validation.csv"), plain_losses(config)
    steps = [row["step"] for row in rows]
    values: dict[str, Any] = {
        "steps": [int(step) for step in steps],
        **{name: [row[name] for row in rows] for name in plain},
        "plain": plain,
        "identical_steps": config.identical_steps,
        "moment": moment(steps, [row[NOISY] for row in rows], plain[NOISY]),
    }
    print(f"levels {LEVELS}, base without a reference {plain[NOISY]:.3f} at the noisiest")
    print(f"{NOISY}: {values[NOISY]}; below the base's from step {values['moment']}")
    if args.record:
        command = f"python -m benchmarks.adapter_training {args.config}"
        write_result("adapter_training", values, command=command, seed=config.loop.seed)


if __name__ == "__main__":
    main()
