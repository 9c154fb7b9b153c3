"""Checkpoints: whole or absent, checked by hash, in safetensors and JSON only."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from synclora_lite.errors import TrainingError
from synclora_lite.files import read_json, sha256, write_json

Named = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """What a run needs to go on as if it had never stopped.

    The random numbers of a step depend on the seed and the step alone, so they need no state.
    """

    step: int
    weights: Named
    averaged: Named
    optimizer: Named
    settings: dict[str, Any]


def save_checkpoint(checkpoint: Checkpoint, folder: Path, keep: int = 2) -> Path:
    """Write `folder/step-00000500` in one rename, and remove all but the newest `keep`."""
    final = folder / f"step-{checkpoint.step:08d}"
    partial = folder / f".partial-{checkpoint.step:08d}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    hashes = {}
    for part in ("weights", "averaged", "optimizer"):
        tensors = {n: t.detach().cpu().contiguous() for n, t in getattr(checkpoint, part).items()}
        save_file(tensors, partial / f"{part}.safetensors")
        hashes[part] = sha256(partial / f"{part}.safetensors")
    state = {"step": checkpoint.step, "sha256": hashes, "settings": checkpoint.settings}
    write_json(partial / "state.json", state)
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)
    for old in checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
    return final


def load_checkpoint(path: Path) -> Checkpoint:
    """Read one checkpoint.

    Raises:
        TrainingError: A file does not match its hash.

    """
    state = read_json(path / "state.json")
    parts = {}
    for part, recorded in state["sha256"].items():
        file = path / f"{part}.safetensors"
        if not file.exists() or sha256(file) != recorded:
            raise TrainingError(
                f"{file} is damaged",
                "the file that was written",
                f"delete {path} to resume from an earlier checkpoint",
            )
        parts[part] = load_file(file)
    return Checkpoint(step=state["step"], settings=state["settings"], **parts)


def checkpoints(folder: Path) -> list[Path]:
    """Return the finished checkpoints of a run, oldest first."""
    return sorted(folder.glob("step-*"))
