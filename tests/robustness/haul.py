"""Long hauls: 500 edits in one process, and a manifest of 25,000 pairs, as the paper's data has.

    python -m tests.robustness.haul --edits 500 --pairs 25000

Memory is flat if what the process holds after the last edit is within 5 % of what it held after
the first fifty, when everything that is loaded once has been loaded. Every pair of the manifest,
whose landmarks are in the cache, has to get its score again; `synclora pairs filter` and `export`
may then take thirty seconds of processor time each (on a busy machine the clock says more about
the others), and hold less than a gigabyte.
"""

import argparse
import gc
import os
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import torch

from synclora_lite.editing import EditSettings, edit_video
from synclora_lite.files import data_dir
from synclora_lite.pairs import (
    Exact,
    build,
    read_manifest,
    score_pairs,
    write_manifest,
)
from synclora_lite.video import read_clip, read_image, write_clip
from tests.robustness.ledger import Ledger

FLAT, SECONDS, MEGABYTES = 0.05, 30.0, 1000.0
METHODS = ("sync-lora", "flow-propagation", "deformation-propagation", "copy", "i2v")
DISTINCT = 8  # pairs with clips of their own; the others are links to them


def many_edits(ledger: Ledger, count: int, place: Path) -> None:
    """Read, edit and write again and again in this process, and enter what it held, in MB."""
    process, clips, held = psutil.Process(), data_dir() / "clips", []
    begin = time.process_time()
    for number in range(count):
        method = METHODS[number % len(METHODS)]
        clip, frame = read_clip(clips / "hair.mp4"), read_image(clips / "hair-edited.png")
        settings = EditSettings(method, steps=2, seed=number)
        edit = edit_video(clip, frame, settings)
        write_clip(place / "out.mp4", edit.clip)
        if number % 10 == 9:
            gc.collect()
            held.append(process.memory_info().rss / 1e6)
    early, late = float(np.median(held[4:9])), float(np.median(held[-5:]))
    growth = late / early - 1
    fault = "" if growth <= FLAT else f"memory grew by {growth:.1%}: {early:.0f} to {late:.0f} MB"
    figures = {
        "edits": count,
        "early_megabytes": round(early, 1),
        "late_megabytes": round(late, 1),
        "growth": round(growth, 4),
        "seconds_per_edit": round((time.process_time() - begin) / count, 3),
    }
    ledger.add("edits", "edits in one process", fault, figures=figures)


def many_pairs(ledger: Ledger, count: int, place: Path) -> None:
    """Score a large manifest, whose scores are in the cache, and enter how long it took."""
    os.environ["SYNCLORA_CACHE"] = str(place / "cache")
    folder = place / "pairs"
    build(folder, Exact(frames=17, size=64), DISTINCT)
    pairs = score_pairs(folder)
    rows = [replace(pairs[k % DISTINCT], id=f"pair-{k:05d}") for k in range(count)]
    for row, origin in zip(rows, (pairs[k % DISTINCT] for k in range(count)), strict=True):
        for side in ("source", "edited"):
            (folder / side / f"{row.id}.mp4").hardlink_to(folder / getattr(origin, side).path)
    moved = [
        replace(
            row,
            source=replace(row.source, path=f"source/{row.id}.mp4"),
            edited=replace(row.edited, path=f"edited/{row.id}.mp4"),
            verdict=None,
            weight=None,
            score=None,
        )
        for row in rows
    ]
    write_manifest(folder, moved)
    begin = time.process_time()
    scored = score_pairs(folder)
    seconds = {"scoring": time.process_time() - begin}
    equal = all(
        row.verdict == pairs[k % DISTINCT].verdict and row.score == pairs[k % DISTINCT].score
        for k, row in enumerate(scored)
    )
    faults, megabytes = [], {}
    for name, words in {
        "filtering": ("filter", str(folder)),
        "exporting": ("export", str(folder / "kept.jsonl"), str(place / "exported")),
    }.items():
        status, seconds[name], megabytes[name] = _command(*words)
        if status:
            faults += [f"{name} ended with status {status}"]
        if seconds[name] > SECONDS:
            faults += [f"{name} took {seconds[name]:.1f} s"]
        if megabytes[name] > MEGABYTES:
            faults += [f"{name} held {megabytes[name]:.0f} MB"]
    fault = ", ".join(faults) if equal else "other scores than before"
    figures = {
        "pairs": count,
        "kept": len(read_manifest(folder / "kept.jsonl")),
        **{f"{name}_seconds": round(took, 2) for name, took in seconds.items()},
        **{f"{name}_megabytes": round(most) for name, most in megabytes.items()},
    }
    ledger.add("pairs", "pairs scored from cache", fault, figures=figures)
    shutil.rmtree(folder)


def _command(*words: str) -> tuple[int, float, float]:
    """Run a command on pairs by itself; return status, seconds of processor and memory (MB)."""
    line = [sys.executable, "-m", "synclora_lite.cli", "pairs", *words]
    _, status, used = os.wait4(os.spawnv(os.P_NOWAIT, sys.executable, line), 0)
    return status, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3


def main() -> int:
    """Run both; the exit status is 1 if one was not survived."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--edits", type=int, default=500)
    parser.add_argument("--pairs", type=int, default=25_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    ledger = Ledger("haul", vars(options))
    with tempfile.TemporaryDirectory() as place:
        if "pairs" not in ledger.done():
            many_pairs(ledger, options.pairs, Path(place))
        if "edits" not in ledger.done():
            many_edits(ledger, options.edits, Path(place))
    print(ledger.table())
    lost, figures = len(ledger.lost), {row["case"]: row["figures"] for row in ledger.rows}
    print(figures)
    command = f"python -m tests.robustness.haul --edits {options.edits} --pairs {options.pairs}"
    ledger.finish(command=command, seed=0, memory=figures["edits"], manifest=figures["pairs"])
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
