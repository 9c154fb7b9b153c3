"""Training the lite adapter, beside the loop that one writes first.

    python -m benchmarks.training_speed --record       two minutes; a quiet machine, please
    python -m benchmarks.training_speed --quick        seconds, on a tiny random model

"ours" is a step of the real loop on the recipe of configs/adapter.toml. "plain" is diffusers' own
`forward`, a peft LoRA of the same rank on the same layers, and AdamW, in float32, on the same
batches: with latents made before the first step, as ours, and with every batch encoded anew. The
stock model has no place for a mask, so its reference sees the target, too. "ours, float32" and
"plain, bfloat16" tell what is owed to the number format alone. All variants take turns within one
run, and so do matrix products of a size that the caches hold: their best rate is what a step's
operations are measured against. In float32 it is the rate of `torch.mm`, which on some processors
is half of what packed weights reach, so the share of bfloat16 is the strict one. Most matrices of
a step are not square, and narrow ones are slower: "products_alone" times the step's own, forward
and backward, one by one. Peaks of memory are read in processes of their own.
Writes data/results/training_speed.json.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks.measuring import (
    Products,
    Seconds,
    child,
    faster,
    in_turn,
    peak_resident,
    products,
    spread,
    tidy,
)
from benchmarks.plain_loop import plain, plain_loss, plain_velocity
from synclora_course.estimate import Job
from synclora_course.estimate.memory import measure as estimated
from synclora_course.estimate.metering import count_operations
from synclora_course.estimate.without_data import model_configs
from synclora_course.results import write_result
from synclora_course.tiny_ltx import tiny_model
from synclora_lite.core import flow_loss, in_context_batch, predict_velocity
from synclora_lite.files import PROJECT, data_dir
from synclora_lite.models import encode, load_model, save_model
from synclora_lite.models.latents import to_model_range
from synclora_lite.models.precision import NAMED, compute_dtype
from synclora_lite.training import AdapterConfig, LatentDataset, adapter_recipe, write_shard
from synclora_lite.training.config import read_config
from synclora_lite.training.loop import start_run, take_step
from synclora_lite.training.processes import keep_freed_memory
from synclora_lite.video import read_clip

VARIANTS = ("ours", "ours, float32", "plain", "plain, bfloat16", "plain, encoding")
CLIPS = ("background", "beard", "glasses", "hair", "hat")  # shipped, each with its true edit
SEED = 0


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        model: "lite" or a folder.
        batch: Pairs in a step; as configs/adapter.toml says if None.
        rounds: How often each variant is timed.
        threads: Of every variant.
        sides: Of the square matrices that are multiplied for the machine's rate.

    """

    model: str = "lite"
    batch: int | None = None
    rounds: int = 15
    threads: int = 2
    sides: tuple[int, ...] = (512, 1024)

    def config(self, folder: Path) -> AdapterConfig:
        """Return the adapter's own configuration, on the bank in `folder`.

        No step goes without a reference, and nothing is validated, so that all steps are alike.
        """
        config, _ = read_config(PROJECT / "configs" / "adapter.toml", {"adapter": AdapterConfig})
        batch = self.batch or config.loop.batch
        loop = replace(config.loop, batch=batch, accumulate=1, seed=SEED, validate_every=0)
        return replace(
            config,
            loop=replace(loop, checkpoint_every=10**9),
            bank=folder / "latents",
            model=self.model,
            reference_dropout=0.0,
            validation_clips=0,
        )


def main() -> None:
    """Measure, print, and with --record store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="lite")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--rounds", type=int, default=Plan.rounds)
    parser.add_argument("--threads", type=int, default=Plan.threads)
    parser.add_argument("--quick", action="store_true", help="a tiny model; metrics mean nothing")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--peak", choices=["imports", *VARIANTS], help=argparse.SUPPRESS)
    parser.add_argument("--banks", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    keep_freed_memory()  # as `synclora train` does, for all variants
    plan = Plan(args.model, args.batch, args.rounds, args.threads)
    if args.peak:
        print(json.dumps(peak(args.peak, plan, args.banks)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        if args.quick:
            plan = quick(Path(scratch))
        values = tidy(measure(plan, Path(scratch)))
    show(values)
    if args.record and not args.quick:
        sizes = f"--batch {values['job']['batch']} --rounds {plan.rounds} --threads {plan.threads}"
        command = f"python -m benchmarks.training_speed --model {plan.model} {sizes} --record"
        write_result("training_speed", values, command=command, seed=SEED)


def quick(scratch: Path) -> Plan:
    """Return a plan of seconds."""
    model = save_model(tiny_model(), scratch / "tiny")
    return Plan(str(model), batch=2, rounds=2, threads=1, sides=(64,))


def measure(plan: Plan, scratch: Path, peaks: tuple[str, ...] = ("imports", *VARIANTS)) -> Any:
    """Return all metrics of a plan; those of memory for the named variants only."""
    torch.set_num_threads(plan.threads)
    write_banks(plan, scratch)
    config = plan.config(scratch)
    steps = {name: variant(name, config, scratch) for name in VARIANTS}
    rates = {
        f"{precision} {side}": products(NAMED[precision], side)
        for precision in ("bfloat16", "float32")
        for side in plan.sides
    }
    seconds = in_turn({**steps, **rates}, plan.rounds)
    gflops = {n: 10 * 2 * int(n.split()[1]) ** 3 / min(seconds[n]) / 1e9 for n in rates}
    batch = config.loop.batch
    return {
        "job": job_facts(config, plan),
        "difference": difference(config),
        "seconds_per_step": {name: spread(seconds[name]) for name in VARIANTS},
        "samples_per_second": {n: batch / spread(seconds[n])["median"] for n in VARIANTS},
        "speedup": {n: faster(seconds, "ours", n) for n in VARIANTS[1:]},
        "matmul_gflops": gflops,
        "operations": (operations := counted(config, plan, steps["ours"])),
        "utilisation": {
            name: utilisation(name, config, seconds, operations, gflops) for name in VARIANTS[:2]
        },
        "products_alone": {
            name: products_alone(steps[name], seconds[name]) for name in VARIANTS[:2]
        },
        "peak_mb": {name: peak_of(name, plan, config, scratch) for name in peaks},
    }


def job_facts(config: AdapterConfig, plan: Plan) -> dict[str, Any]:
    """Return what a step is made of."""
    model = load_model(config.model)
    latents = LatentDataset(config.bank).read(torch.tensor([0]))[0, 0]
    return {
        "batch": config.loop.batch,
        "rank": config.rank,
        "tokens": 2 * latents[0].numel(),
        "latent_channels": len(latents),
        "width": model.transformer.config.cross_attention_dim,
        "layers": model.transformer.config.num_layers,
        "precision": config.loop.precision,
        "optimizer": config.loop.optimizer,
        "layout": config.layout,
        "threads": plan.threads,
        "rounds": plan.rounds,
    }


def write_banks(plan: Plan, folder: Path) -> None:
    """Write the shipped pairs as frames, and encoded."""
    names = [(f"{clip}.mp4", f"{clip}-truth.mp4") for clip in CLIPS]
    pairs = [[read_clip(data_dir() / "clips" / name).frames for name in pair] for pair in names]
    write_shard(folder / "frames" / "pairs.safetensors", frames=torch.from_numpy(np.array(pairs)))
    model = load_model(plan.model)
    clips = [encode(model, to_model_range(torch.from_numpy(np.array(pair)))) for pair in pairs]
    write_shard(folder / "latents" / "pairs.safetensors", latents=torch.stack(clips).half())


def variant(name: str, config: AdapterConfig, folder: Path) -> Callable[[], object]:
    """Return a call that takes one step of a variant."""
    if name == "ours, float32":
        config = replace(config, loop=replace(config.loop, precision="float32"))
    if name.startswith("ours"):
        return partial(take_step, start_run(adapter_recipe(config), config.loop, folder / name))
    dtype = torch.bfloat16 if name.endswith("bfloat16") else torch.float32
    return plain(config, folder / "frames" if name.endswith("encoding") else None, dtype, SEED)


@torch.no_grad()
def difference(config: AdapterConfig) -> dict[str, float]:
    """Return how far ours and the stock pass are apart when the reference may see all.

    Of the predicted velocities the largest difference; of the losses the difference itself.
    """
    model = load_model(config.model)
    source, edited = LatentDataset(config.bank).read(torch.arange(len(CLIPS))).unbind(1)
    generator = torch.Generator().manual_seed(SEED)
    noise = torch.randn(edited.shape, generator=generator)
    sigmas = torch.rand(len(edited), generator=generator)
    given = (model, source, edited, noise, sigmas)
    conditioning = model.conditioning(edited.shape[2:], source, layout="full")
    batch = in_context_batch(edited, noise, sigmas, conditioning)
    ours = predict_velocity(
        model.transformer,
        batch.tokens,
        batch.sigmas,
        model.caption,
        batch.coordinates,
    )
    stock = plain_velocity(*given)
    loss = flow_loss(model.transformer, batch).mean()
    return {
        "velocity": (ours[:, -stock.shape[1] :] - stock).abs().max().item(),
        "loss": (loss - plain_loss(*given)).abs().item(),
    }


def counted(config: AdapterConfig, plan: Plan, step: Callable[[], object]) -> dict[str, float]:
    """Return the operations of a pass forward and backward, and of a whole step with optimiser.

    The first is arithmetic on the model's sizes, the other the matrix products of a real step.
    """
    frames = LatentDataset(config.bank.parent / "frames", "frames").shards[0]
    job = Job(plan.model, frames.shape[2], frames.shape[3], config.rank, config.loop.batch)
    passes = estimated(model_configs(plan.model), replace(job, precision="float32")).operations
    return {"passes": passes, "step": count_operations(step)}


def utilisation(
    name: str,
    config: AdapterConfig,
    seconds: Seconds,
    operations: dict[str, float],
    gflops: dict[str, float],
) -> dict[str, float]:
    """Return the share of the machine's own rate, without and with the optimiser's operations.

    The rate is the fastest one seen, of all sizes, in the step's precision and in float32.
    """
    own = compute_dtype(config.loop.precision, config.loop.device)
    precision = str(torch.float32 if name.endswith("float32") else own)
    best = {
        kind: max(rate for label, rate in gflops.items() if label.startswith(kind))
        for kind in (precision.removeprefix("torch."), "float32")
    }
    reached = {
        part: operations[part] / spread(seconds[name])["median"] / 1e9
        for part in ("passes", "step")
    }
    return {
        f"{part}, of {kind}": rate / best[kind] for part, rate in reached.items() for kind in best
    }


def products_alone(step: Callable[[], object], seconds: list[float]) -> dict[str, float]:
    """Return what the matrix products of one step take by themselves, and their share of it.

    So much of the rate at which the machine multiplies just these matrices the step reaches,
    passes backward and optimiser included.
    """
    with sdpa_kernel(SDPBackend.MATH), Products() as products_of:
        step()
    alone = products_of.seconds()
    return {"seconds": alone, "share": alone / spread(seconds)["median"]}


def peak_of(name: str, plan: Plan, config: AdapterConfig, banks: Path) -> float:
    """Return the peak of one variant, from a process of its own."""
    sizes = ("--batch", str(config.loop.batch), "--threads", str(plan.threads))
    options = ("--model", plan.model, *sizes, "--banks", str(banks), "--peak", name)
    return float(child("benchmarks.training_speed", *options)["peak_mb"])


def peak(name: str, plan: Plan, banks: Path, steps: int = 3) -> dict[str, float]:
    """Take some steps of a variant in this process, and return its peak."""
    torch.set_num_threads(plan.threads)
    if name != "imports":
        with tempfile.TemporaryDirectory() as scratch:
            config = plan.config(banks)
            frames = Path(scratch) / "frames"
            frames.symlink_to(banks / "frames")
            step = variant(name, config, Path(scratch))
            for _ in range(steps):
                step()
    return {"peak_mb": peak_resident()}


def show(values: dict[str, Any]) -> None:
    """Print a table."""
    job = values["job"]
    print(", ".join(f"{name} {value}" for name, value in job.items()))
    print(f"velocities of the stock forward: to {values['difference']['velocity']:.1g}")
    print(f"{'':16s} {'samples/s':>9s} {'s/step':>7s} {'(spread)':>15s} {'ours is':>8s} {'MB':>6s}")
    for name, found in values["seconds_per_step"].items():
        ratio = values["speedup"].get(name, {"median": 1.0})["median"]
        row = f"{name:16s} {values['samples_per_second'][name]:9.2f} {found['median']:7.3f} "
        row += f"({found['low']:.3f} - {found['high']:.3f}) {ratio:7.2f}x "
        print(row + f"{values['peak_mb'].get(name, float('nan')):6.0f}")
    for name, rate in values["matmul_gflops"].items():
        print(f"matrix products {name}: {rate:.0f} GFLOP/s")
    for name, shares in values["utilisation"].items():
        print(f"{name}:", ", ".join(f"{of} {share:.0%}" for of, share in shares.items()))
    for name, alone in values["products_alone"].items():
        print(
            f"{name}: its products alone {alone['seconds']:.3f} s, {alone['share']:.0%} of a step"
        )


if __name__ == "__main__":
    main()
