"""Watch the adapter find the reference: sync, edit kept and PSNR against its training steps.

    python -m benchmarks.adapter_learning runs/lite/adapter --watch     # beside the training
    python -m benchmarks.adapter_learning runs/lite/adapter --record

A training keeps its last checkpoints only; with --watch their adapters are put aside, in
RUN/history, until the training is over. Afterwards each is tried on held-out clips.
With it go the losses on pairs held back from training, by noise level, and the same of the base
alone: at a high level the first frame says little of how a head will move, so a loss far below
the base's can only come from the reference. Writes data/results/adapter_learning.json.
"""

import argparse
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.latent_trials import Trials
from synclora_course.results import write_result
from synclora_lite.core import Conditioning, flow_loss, in_context_batch, load_lora_state_dict
from synclora_lite.files import atomic_path
from synclora_lite.models import AdapterSettings, add_adapter, load_model
from synclora_lite.training import LatentDataset
from synclora_lite.training.config import AdapterConfig, read_config
from synclora_lite.training.validation import loss_by_level

CONFIG = Path("configs/adapter.toml")
FIRST = 50  # steps that are looked at closely


def main() -> None:
    """Put adapters aside, or try them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the folder of a training")
    parser.add_argument("--watch", action="store_true")
    parser.add_argument("--clips", type=int, default=18)
    parser.add_argument("--every", type=int, default=200, help="steps between adapters tried")
    parser.add_argument("--record", action="store_true")
    given = parser.parse_args()
    if given.watch:
        while not (given.run / "final").exists():
            put_aside(given.run)
            time.sleep(10)
        put_aside(given.run)
        return
    values = {"clips": given.clips, **tried(given.run, given.clips, given.every)}
    if given.record:
        command = f"python -m benchmarks.adapter_learning runs/lite/{given.run.name} --record"
        write_result("adapter_learning", values, command=command, seed=0)


def put_aside(run: Path) -> None:
    """Copy the averaged adapter of every checkpoint that is new."""
    (run / "history").mkdir(parents=True, exist_ok=True)
    for state in run.glob("checkpoints/step-*/state.json"):  # written last
        kept = run / "history" / f"{state.parent.name}.safetensors"
        if not kept.exists():
            with atomic_path(kept) as partial:
                shutil.copy(state.parent / "averaged.safetensors", partial)


@torch.no_grad()
def tried(run: Path, clips: int, every: int) -> dict[str, Any]:
    """Return what adapters do, from the first that changes nothing, and what the base does.

    Up to FIRST steps every adapter put aside is tried, then every FIRST steps while pairs of a clip
    with itself are among the batches. "reading" is by how much the loss rises when the references
    are exchanged among the pairs: nothing where none is read.
    """
    config, _ = read_config(CONFIG, {"adapter": AdapterConfig})
    model, dataset = load_model("lite"), LatentDataset(run.parent / "latents")
    _, held = dataset.split(config.validation_clips, accepted=False)
    source, edited = dataset.read(held).float().unbind(1)
    trials = Trials(model, clips, steps=model.steps)
    size = edited.shape[2:]

    def losses(told: Conditioning) -> dict[str, float]:
        def loss(noise: Tensor, levels: Tensor) -> Tensor:
            return flow_loss(model.transformer, in_context_batch(edited, noise, levels, told))

        return loss_by_level(loss, edited)

    base = trials.metrics(referred=False) | losses(model.conditioning(size))
    settings = AdapterSettings(config.rank, config.targets, config.layout)
    add_adapter(model.transformer, settings)
    files: dict[int, Path | None] = {0: None}
    files |= {int(f.stem.removeprefix("step-")): f for f in run.glob("history/step-*.safetensors")}
    rows: list[dict[str, float]] = []
    for step in sorted(files):
        rare = FIRST if step <= config.identical_steps else every
        if step > FIRST and step % rare and step != max(files):
            continue
        if (weights := files[step]) is not None:
            load_lora_state_dict(model.transformer, load_file(weights))
        own, foreign = (
            losses(model.conditioning(size, shown, config.layout))
            for shown in (source, source.roll(1, 0))
        )
        reading = {"reading": foreign["loss"] - own["loss"]}
        rows.append({"step": step, **trials.metrics(referred=True), **own, **reading})
        print(rows[-1], flush=True)
    return {"base": base, "learning": rows, "identical_steps": config.identical_steps}


if __name__ == "__main__":
    main()
