"""Kill commands at random moments; compare what they leave with a run that was never killed.

    python -m tests.robustness.kills --kills 30

The real commands run, each in a fresh process that is killed (SIGKILL) with all its children:
`pairs build`, `pairs score`, `train`, `pretrain`, `exam`, and a notebook under papermill. After
every kill no file may stand half-written under its final name. In the end manifests, clips,
scores and weights have to equal those of the run in peace, byte for byte.
"""

import argparse
import csv
import io
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import psutil
import torch

from synclora_course.tiny_ltx import tiny_model
from synclora_lite.cli import run
from synclora_lite.models import save_model
from synclora_lite.models.autoencoder import MotionAutoencoder
from synclora_lite.training import write_shard
from tests.robustness.ledger import Ledger

PRELOADED = ["synclora_lite.training", "synclora_course.exam", "tests.robustness.kills"]
TIMES = ("seconds_per_step", "seconds")
END = {".mp4": b"moov", ".png": b"IEND\xaeB`\x82"}  # without it a file is not whole


@dataclass(frozen=True)
class Work:
    """A command to be killed.

    Attributes:
        prepare: Makes what the command needs in an empty folder.
        work: Runs it in that folder.
        least: Seconds before the first kill, for what starts slowly.

    """

    prepare: Callable[[Path], object]
    work: Callable[[Path], object]
    least: float = 0.0


@dataclass(frozen=True)
class Synclora:
    """A command line of `synclora`, with FOLDER in place of the folder."""

    words: tuple[str, ...]

    def __call__(self, folder: Path) -> None:
        """Run it in this process."""
        status = run([word.replace("FOLDER", str(folder)) for word in self.words])
        if status:
            raise SystemExit(status)


def command(*words: str) -> Synclora:
    """Return a run of `synclora WORDS`."""
    return Synclora(words)


def base_bank(folder: Path) -> None:
    """Prepare an autoencoder and two shards of latents, the last of which is held back."""
    generator = torch.Generator().manual_seed(0)
    for first in (0, 6):
        latents = torch.randn(6, 2, 8, 3, 2, 2, generator=generator).bfloat16()
        write_shard(folder / "latents" / f"pairs-{first:06d}.safetensors", latents=latents)
    MotionAutoencoder(latent_channels=8, motion_channels=4).save_pretrained(folder / "vae")


def pretrain(folder: Path) -> None:
    """Train a base, as `python -m recipes.lite` does."""
    from recipes.lite_base import main

    sizes = "--steps 200 --save-every 20 --batch 4 --width 64 --layers 1 --device cpu"
    places = [str(folder / name) for name in ("latents", "vae", "base")]
    main([*places, *sizes.split()])


def nothing(folder: Path) -> None:
    """Prepare nothing."""
    folder.mkdir(parents=True)


def unscored(folder: Path) -> None:
    """Build pairs to be scored."""
    run(["pairs", "build", str(folder), "--pairs", "6"])


def training(folder: Path) -> None:
    """Prepare a model, a bank, and a configuration of many small steps."""
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(12, 2, 8, 3, 2, 2, generator=generator).half()
    write_shard(folder / "bank" / "pairs-0.safetensors", latents=latents)
    save_model(tiny_model(), folder / "tiny")
    (folder / "config.toml").write_text(
        f'recipe = "adapter"\nout = "{folder}/run"\nbank = "{folder}/bank"\n'
        f'model = "{folder}/tiny"\nrank = 4\nidentical_steps = 4\n'
        "validation_clips = 2\nsamples = 1\n[loop]\nsteps = 120\nbatch = 4\n"
        "warmup = 2\nema = 0.9\ncheckpoint_every = 5\nvalidate_every = 20\nlog_every = 5\n"
    )


NOTEBOOK = """
from pathlib import Path
from synclora_lite.pairs import Exact, build
from synclora_lite.training import adapter_recipe, load_config, train
build("PLACE/pairs", Exact(frames=5, size=32), 24)
|
config, out = load_config("PLACE/config.toml")
final = train(adapter_recipe(config), config.loop, out, progress=False)
print(sorted(path.name for path in Path("PLACE/pairs/edited").iterdir()))
"""


def notebook(folder: Path) -> None:
    """Prepare a notebook that builds pairs and trains an adapter."""
    training(folder)
    cells: list[dict[str, object]] = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"cell-{number}",
            "metadata": {},
            "outputs": [],
            "source": text.replace("PLACE", str(folder)).strip(),
        }
        for number, text in enumerate(NOTEBOOK.split("|"))
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    content = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (folder / "work.ipynb").write_text(json.dumps(content))


def execute_notebook(folder: Path) -> None:
    """Run it as the book does."""
    from tools.notebooks import execute

    execute(folder / "work.ipynb", folder / "executed")


WORKS: dict[str, Work] = {
    "pairs build": Work(
        nothing,
        command("pairs", "build", "FOLDER", "--pairs", "40", "--size", "32", "--frames", "5"),
    ),
    "pairs score": Work(unscored, command("pairs", "score", "FOLDER")),
    "train": Work(training, command("train", "FOLDER/config.toml", "--quiet")),
    "pretrain": Work(base_bank, pretrain),
    "exam": Work(
        nothing, command("exam", "--method", "truth", "--clips", "6", "--out", "FOLDER/exam")
    ),
    "notebook": Work(notebook, execute_notebook, least=3.0),
}


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below the folder, without locks and without how long things took."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != ".lock")
    return {path.relative_to(folder).as_posix(): _timeless(path, folder) for path in files}


def _timeless(path: Path, folder: Path) -> bytes:
    """Return the content of a file, without times and without the folder's own name."""
    content = path.read_bytes()
    if path.suffix == ".csv":
        rows = list(csv.DictReader(io.StringIO(content.decode())))
        content = json.dumps(
            [{k: v for k, v in r.items() if k not in TIMES} for r in rows]
        ).encode()
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in content.splitlines()]
        content = json.dumps(
            [{k: v for k, v in r.items() if k not in TIMES} for r in rows]
        ).encode()
    if path.suffix == ".ipynb":
        whole = json.loads(content)
        whole["metadata"].pop("execution", None)
        content = json.dumps(whole).encode()
    if path.suffix in (".ipynb", ".json", ".toml"):
        content = content.replace(str(folder).encode(), b"FOLDER")
    return b"" if path.suffix == ".png" else content  # the plot of a loss is drawn from the log


def half_written(folder: Path) -> list[str]:
    """Return the files under final names that are not whole."""
    from safetensors import SafetensorError, safe_open

    wrong = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or not path.is_file():
            continue
        try:
            if path.suffix == ".safetensors":
                with safe_open(path, framework="pt") as file:
                    file.keys()
            elif path.suffix in (".json", ".ipynb"):
                json.loads(path.read_text())
            elif path.suffix in END and END[path.suffix] not in path.read_bytes():
                wrong.append(path.name)
        except (SafetensorError, ValueError) as error:
            wrong.append(f"{path.name}: {error}")
    return wrong


def in_process(work: Callable[[Path], object], folder: Path, limit: float | None = None) -> str:
    """Work in a fresh process, killed with its children after `limit` seconds.

    Returns:
        "" if it was killed, "done", or "status N" of one that failed by itself.

    """
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=_prepared, args=(work, folder, dict(os.environ)))
    process.start()
    process.join(limit)
    if process.exitcode is None:
        _kill_all(process.pid or 0)
        process.join()
        return ""
    return "done" if process.exitcode == 0 else f"status {process.exitcode}"


def _nothing(_folder: Path) -> None: ...


def _prepared(work: Callable[[Path], object], folder: Path, environment: dict[str, str]) -> None:
    """Work as this process would: the server that others are forked from is older."""
    os.environ.update(environment)
    torch.set_num_threads(1)
    work(folder)


def _kill_all(pid: int) -> None:
    """Kill a process and all below it, the way a machine that loses power does."""
    try:
        parent = psutil.Process(pid)
        family = [*parent.children(recursive=True), parent]
    except psutil.NoSuchProcess:  # it ended in this moment
        return
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(family, timeout=10)


def under_fire(name: str, place: Path, kills: int, seed: int, ledger: Ledger) -> None:
    """Kill one command many times, and enter every kill and the comparison into the ledger."""
    work, clock = WORKS[name], random.Random(f"{name} {seed}")
    calm, fire = place / "calm" / "x", place / "fire" / "x"
    os.environ["SYNCLORA_CACHE"] = str(place / "cache" / "calm")
    in_process(_nothing, place)  # starts the server
    work.prepare(calm)
    start = time.perf_counter()
    assert in_process(work.work, calm) == "done"
    duration = time.perf_counter() - start
    os.environ["SYNCLORA_CACHE"] = str(place / "cache" / "fire")
    work.prepare(fire)
    for number in range(kills):
        moment = work.least + clock.uniform(0, 2 * duration / kills + 0.1)
        ended = in_process(work.work, fire, moment)
        wrong = half_written(fire)
        fault = f"half-written: {wrong}" if wrong else ended if "status" in ended else ""
        ledger.add(f"{name} {number}", name, fault, hit=ended == "")
    ended = in_process(work.work, fire)
    there, expected = contents(fire), contents(calm)
    different = [n for n in {*there, *expected} if there.get(n) != expected.get(n)]
    fault = ended if ended != "done" else f"differ: {sorted(different)}" if different else ""
    ledger.add(f"{name} in the end", "equal in the end", fault)


def main() -> int:
    """Kill every command; the exit status is 1 if one did not survive."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=WORKS, action="append")
    options = parser.parse_args()
    torch.set_num_threads(1)
    settings = {"kills": options.kills, "seed": options.seed, "only": options.only}
    ledger = Ledger("kills", settings)
    for name in options.only or WORKS:
        if f"{name} in the end" not in ledger.done():
            ledger.forget(name)
            with tempfile.TemporaryDirectory() as place:
                under_fire(name, Path(place), options.kills, options.seed, ledger)
    print(ledger.table())
    lost, hits = len(ledger.lost), sum(row.get("hit", False) for row in ledger.rows)
    words = f"python -m tests.robustness.kills --kills {options.kills}"
    if not options.only:
        ledger.finish(command=words, seed=options.seed, commands=len(WORKS), hits=hits)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
