"""Watch the adapter find the reference: sync, edit kept and PSNR against its training steps.

    python -m benchmarks.adapter_learning runs/lite/adapter --watch     # beside the training
    python -m benchmarks.adapter_learning runs/lite/adapter --record

A training keeps its last checkpoints only; with --watch their adapters are put aside, in
RUN/history, until the training is over. Afterwards each is tried on held-out clips.
Writes data/results/adapter_learning.json, with the losses of the run beside it.
"""

import argparse
import shutil
import time
from pathlib import Path

import pandas as pd
from safetensors.torch import load_file

from benchmarks.latent_trials import Trials
from synclora_lite.core import load_lora_state_dict
from synclora_lite.files import atomic_path, write_result
from synclora_lite.models import AdapterSettings, add_adapter, load_model
from synclora_lite.training.config import AdapterConfig, read_config

CONFIG = Path("configs/adapter.toml")


def main() -> None:
    """Put adapters aside, or try them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--watch", action="store_true")
    parser.add_argument("--clips", type=int, default=18)
    parser.add_argument("--every", type=int, default=100, help="steps between adapters tried")
    parser.add_argument("--record", action="store_true")
    given = parser.parse_args()
    if given.watch:
        while not (given.run / "final").exists():
            put_aside(given.run)
            time.sleep(10)
        put_aside(given.run)
        return
    values = {"clips": given.clips, "learning": tried(given.run, given.clips, given.every)}
    losses = pd.read_csv(given.run / "train.csv")[["step", "loss_identical", "loss_edited"]]
    values["losses"] = losses.round(4).astype(object).where(losses.notna(), None).to_dict("records")
    if given.record:
        command = f"python -m benchmarks.adapter_learning {given.run} --record"
        write_result("adapter_learning", values, command=command, seed=0)


def put_aside(run: Path) -> None:
    """Copy the averaged adapter of every checkpoint that is new."""
    (run / "history").mkdir(parents=True, exist_ok=True)
    for state in run.glob("checkpoints/step-*/state.json"):  # written last
        kept = run / "history" / f"{state.parent.name}.safetensors"
        if not kept.exists():
            with atomic_path(kept) as partial:
                shutil.copy(state.parent / "averaged.safetensors", partial)


def tried(run: Path, clips: int, every: int) -> list[dict[str, float]]:
    """Return what adapters of a run do, from the first that changes nothing."""
    config, _ = read_config(CONFIG, {"adapter": AdapterConfig})
    model = load_model("lite")
    trials = Trials(model, clips, steps=2)
    settings = AdapterSettings(config.rank, config.targets, config.layout, config.reference_offset)
    add_adapter(model.transformer, settings)
    rows = [{"step": 0, **trials.metrics(offset=config.reference_offset)}]
    for file in sorted((run / "history").glob("step-*.safetensors")):
        step = int(file.stem.removeprefix("step-"))
        if step % every == 0:
            load_lora_state_dict(model.transformer, load_file(file))
            rows.append({"step": step, **trials.metrics(offset=config.reference_offset)})
            print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    main()
