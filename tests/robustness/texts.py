"""Feed hundreds of spoiled manifests, settings and weights to what reads them.

    python -m tests.robustness.texts --count 500 --seed 0

A file is survived if the work is done, or refused in one line that is no fault of the program,
with exit status 1, within 20 s of processor time and 2 GB of memory. Each is tried in a worker
process, which a crash of the interpreter or a want of memory would end.
"""

import argparse
import contextlib
import io
import os
import resource
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from synclora_course.tiny_ltx import tiny_model
from synclora_lite.cli import run
from synclora_lite.cli._errors import guarded
from synclora_lite.editing.domain import Domain, save_domain
from synclora_lite.editing.ltx_video import load_ltx_video
from synclora_lite.models import AdapterSettings, add_adapter, save_adapter, save_model
from synclora_lite.pairs import Exact, build
from synclora_lite.training import write_shard
from tests.robustness.ledger import Ledger
from tests.robustness.text_mutations import spoil

SECONDS, MEMORY, STEPS = 20.0, 2_000_000_000, 20
Reader = Callable[[Path], int]


@dataclass(frozen=True)
class Case:
    """One spoiled file: where it lies below the good folder, and what is in it."""

    number: int
    name: str
    kind: str
    content: bytes


def good_files(folder: Path) -> None:
    """Make a folder of pairs, a data set, a model with adapter, a bank and a configuration."""
    build(folder / "pairs", Exact(frames=5, size=32), 2)
    run(["pairs", "score", str(folder / "pairs")])
    run(["pairs", "export", str(folder / "pairs"), str(folder / "data")])
    run(["pairs", "export", str(folder / "pairs"), str(folder / "table")])
    (folder / "table" / "metadata.jsonl").unlink()
    model = tiny_model()
    save_model(model, folder / "model")
    save_domain(Domain(32, 5, 1.0), folder / "model")
    settings = AdapterSettings(4, base="tiny")
    add_adapter(model.transformer, settings)
    save_adapter(model.transformer, settings, folder / "adapter")
    latents = torch.randn(6, 2, 8, 3, 2, 2, generator=torch.Generator().manual_seed(0)).half()
    write_shard(folder / "bank" / "a.safetensors", latents=latents)
    write_shard(
        folder / "bank" / "scores.safetensors", weight=torch.ones(6), accepted=torch.ones(6)
    )
    (folder / "config.toml").write_text(
        'recipe = "adapter"\nout = "PLACE/run"\nbank = "PLACE/bank"\nmodel = "PLACE/model"\n'
        'rank = 4\nlayout = "full"\nidentical = [1.0, 0.0]\nvalidation_clips = 1\nsamples = 1\n'
        "first_frame = 0.9\n[loop]\nsteps = 2\nbatch = 2\nlr = 0.001\nwarmup = 1\n"
        'precision = "float32"\nema = 0.9\n[flow]\nstd = 1.0\nmu = 0.5\n'
    )


def _pairs(folder: Path) -> int:
    place = str(folder / "pairs")
    commands = [
        *(["score", place], ["filter", place, "--record"], ["realign", place]),
        ["export", place, str(folder / "out")],
    ]
    with patch.dict(os.environ, SYNCLORA_DATA=str(folder)):  # the record goes there
        return max(run(["pairs", *words]) for words in commands)


def _import(name: str) -> Reader:
    return lambda folder: run(["pairs", "import", str(folder / "in"), str(folder / name)])


def _train(folder: Path) -> int:
    return run(["train", str(folder / "config.toml"), "--quiet"])


def _load(folder: Path) -> int:
    return guarded(lambda: load_ltx_video(folder / "model", folder / "adapter"))


READERS: dict[str, Reader] = {
    "pairs/manifest.jsonl": _pairs,
    "data/metadata.jsonl": _import("data"),
    "table/metadata.csv": _import("table"),
    "config.toml": _train,
    "bank/a.safetensors": _train,
    "bank/scores.safetensors": _train,
    "model/vae/config.json": _load,
    "model/transformer/config.json": _load,
    "model/scheduler/scheduler_config.json": _load,
    "model/model_index.json": _load,
    "model/synclora.json": _load,
    "model/domain.json": _load,
    "model/caption.safetensors": _load,
    "model/vae/diffusion_pytorch_model.safetensors": _load,
    "model/transformer/diffusion_pytorch_model.safetensors": _load,
    "adapter/adapter.json": _load,
    "adapter/adapter.safetensors": _load,
}


def cases(good: Path, count: int, seed: int) -> Iterator[Case]:
    """Yield `count` spoiled files, each kind of file in turn."""
    generator, names = np.random.default_rng(seed), list(READERS)
    number = 0
    while number < count:
        name = names[number % len(names)]
        kind, content = spoil(name, (good / name).read_bytes(), generator)
        if name == "config.toml" and _is_long(content):
            continue  # a long training is what was asked for
        yield Case(number, name, kind, content)
        number += 1


def _is_long(content: bytes) -> bool:
    try:
        loop = tomllib.loads(content.decode()).get("loop", {})
        return loop.get("steps", 1) * loop.get("accumulate", 1) > STEPS
    except (ValueError, AttributeError, TypeError):
        return False


def try_case(case: Case, good: Path) -> tuple[str, int, float, int]:
    """Read one spoiled file in this process; return fault, status, seconds and memory."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "x"
        shutil.copytree(good, folder)
        (folder / case.name).write_bytes(case.content)
        config = folder / "config.toml"
        config.write_bytes(config.read_bytes().replace(b"PLACE", str(folder).encode()))
        told, begin = io.StringIO(), time.process_time()
        with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
            status = READERS[case.name](folder)
        seconds = time.process_time() - begin
    memory = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return _fault(status, told.getvalue(), seconds, memory), status, seconds, memory


def _fault(status: int, told: str, seconds: float, memory: int) -> str:
    errors = [line for line in told.splitlines() if line.startswith("Error: ")]
    if status not in (0, 1) or (status == 1 and len(errors) < 1):
        return f"status {status}: {told[:200]}"
    if "fault of the program" in told or "Traceback" in told:
        return told.strip()[:300]
    if seconds > SECONDS:
        return f"{seconds:.0f} s"
    return f"{memory / 1e9:.1f} GB" if memory > MEMORY else ""


def run_cases(spoiled: Iterator[Case], good: Path, ledger: Ledger) -> None:
    """Try every file in a worker; one that dies is a fault and is replaced."""
    pool = ProcessPoolExecutor(1, mp_context=get_context("forkserver"))
    for case in spoiled:
        if case.number in ledger.done():
            continue
        status, seconds, memory = -1, 0.0, 0
        try:
            answer = pool.submit(try_case, case, good).result(timeout=600)
            fault, status, seconds, memory = answer
        except (BrokenProcessPool, TimeoutError) as error:
            fault = f"the interpreter died ({type(error).__name__})"
            pool.shutdown(wait=False, cancel_futures=True)
            pool = ProcessPoolExecutor(1, mp_context=get_context("forkserver"))
        ledger.add(
            case.number, case.name, fault, how=case.kind, status=status, seconds=seconds,
            memory=memory,
        )  # fmt: skip
    pool.shutdown()


def main() -> int:
    """Run the script; the exit status is 1 if a file was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ledger = Ledger("texts", vars(arguments))
    with tempfile.TemporaryDirectory() as place:
        good = Path(place) / "good"
        good_files(good)
        run_cases(cases(good, arguments.count, arguments.seed), good, ledger)
    print(ledger.table())
    lost, rows = len(ledger.lost), ledger.rows
    ledger.finish(
        command=f"python -m tests.robustness.texts --count {arguments.count}",
        seed=arguments.seed,
        read=sum(row["status"] == 0 for row in rows),
        slowest_seconds=round(max(row["seconds"] for row in rows), 1),
        most_megabytes=round(max(row["memory"] for row in rows) / 1e6),
    )
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
