"""Checkpoints: whole or absent, checked by hash, in safetensors and JSON only."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from synclora_lite.errors import ArtifactError, TrainingError
from synclora_lite.files import read_json, sha256, write_json
from synclora_lite.tensors import read_tensors

Named = dict[str, torch.Tensor]
PARTS = ("weights", "averaged", "optimizer")


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


def save_checkpoint(checkpoint: Checkpoint, folder: Path, keep: int) -> None:
    """Write `folder/step-00000500` in one rename, and remove all but the newest `keep`."""
    final = folder / f"step-{checkpoint.step:08d}"
    partial = folder / f".partial-{checkpoint.step:08d}"
    clear_unfinished(folder)
    partial.mkdir(parents=True)
    hashes = {}
    for part in PARTS:
        tensors = {n: t.detach().cpu().contiguous() for n, t in getattr(checkpoint, part).items()}
        save_file(tensors, partial / f"{part}.safetensors")
        hashes[part] = sha256(partial / f"{part}.safetensors")
    state = {"step": checkpoint.step, "sha256": hashes, "settings": checkpoint.settings}
    write_json(partial / "state.json", state)
    _remove(final)
    partial.rename(final)
    for old in checkpoints(folder)[:-keep]:
        _remove(old)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read one checkpoint; TrainingError if a file is missing, or does not match its hash."""
    file = path / "state.json"
    try:
        state = read_json(file)
        step, settings, hashes = state["step"], state["settings"], dict(state["sha256"])
        if path.name != f"step-{step:08d}":
            raise ValueError(f"it says step {step}")
        for part in PARTS:
            file = path / f"{part}.safetensors"
            if sha256(file) != hashes[part]:
                raise ValueError("another hash")
    except (ArtifactError, OSError, KeyError, TypeError, ValueError) as error:
        advice = f"delete {path} to resume from an earlier checkpoint"
        raise TrainingError(f"{file} is damaged", "the file that was written", advice) from error
    parts = {part: read_tensors(path / f"{part}.safetensors") for part in PARTS}
    return Checkpoint(step=step, settings=settings, **parts)


def newest_checkpoint(folder: Path) -> tuple[Checkpoint | None, list[TrainingError]]:
    """Return the newest whole checkpoint, if any, and what is wrong with newer ones.

    Raises TrainingError if there are checkpoints, and all of them are damaged.
    """
    refused: list[TrainingError] = []
    for path in reversed(checkpoints(folder)):
        try:
            return load_checkpoint(path), refused
        except TrainingError as error:
            refused.append(error)
    if refused:
        what = f"every checkpoint in {folder} is damaged ({refused[0].what})"
        expected = "the files that were written"
        raise TrainingError(what, expected, "delete the folder to start again")
    return None, []


def checkpoints(folder: Path) -> list[Path]:
    """Return the finished checkpoints of a run, oldest first."""
    return sorted(folder.glob("step-*"))


def clear_unfinished(folder: Path) -> None:
    """Remove what a killed run left half written or half removed."""
    for path in (*folder.glob(".partial-*"), *folder.glob(".old-*")):
        shutil.rmtree(path)


def _remove(path: Path) -> None:
    if path.exists():  # renamed first: what is half there has a hidden name
        doomed = path.with_name(f".old-{path.name}")
        path.rename(doomed)
        shutil.rmtree(doomed)
