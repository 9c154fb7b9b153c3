"""Kill builds, scorings and exams at random moments; compare with one that was never killed.

As a script: python -m tests.pairs.killing build --kills 30
"""

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

from synclora_lite.pairs import Exact, build, score_pairs

Work = Callable[[Path], object]


def build_small(folder: Path) -> None:
    """Build pairs of which each takes a moment."""
    build(folder, Exact(frames=5, size=32), 12)


def build_and_score(folder: Path) -> None:
    """Build pairs with faces and score them."""
    build(folder, Exact(), 4)
    score_pairs(folder)


def examine(folder: Path) -> None:
    """Examine the truth."""
    from synclora_lite.evaluation import Exam, run_exam

    run_exam(Exam("truth"), 4, folder=folder)


WORKS: dict[str, Work] = {"build": build_small, "score": build_and_score, "exam": examine}


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below the folder but the lock."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def in_process(work: Work, folder: Path, kill_after: float | None = None) -> tuple[float, bool]:
    """Work in a fresh process, killed after so many seconds.

    Returns:
        Seconds that it ran, and whether it was killed.

    """
    context = get_context("forkserver")
    context.set_forkserver_preload(["synclora_lite.pairs"])
    process = context.Process(target=work, args=(folder,))
    start = time.perf_counter()
    process.start()
    process.join(kill_after)
    process.kill()
    process.join()
    return time.perf_counter() - start, process.exitcode != 0


def under_fire(work: Work, place: Path, kills: int, seed: int = 0) -> tuple[Path, Path, int]:
    """Work undisturbed, and with kills that leave it about 1/kills of the time each.

    Returns:
        Both folders, and how many kills hit before the work was done.

    """
    calm, fire = place / "calm", place / "fire"
    in_process(work, place / "warm")  # starts the server that the others are forked from
    duration, _ = in_process(work, calm)
    clock, hits = random.Random(seed), 0
    for _ in range(kills):
        hits += in_process(work, fire, clock.uniform(0, 2 * duration / kills + 0.1))[1]
    in_process(work, fire)
    return calm, fire, hits


def main() -> None:
    """Kill many times and print how it ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        os.environ["SYNCLORA_CACHE"] = place + "/cache"
        calm, fire, hits = under_fire(WORKS[options.work], Path(place), options.kills, options.seed)
        equal = contents(calm) == contents(fire)
    print(f"{options.work}: {hits} of {options.kills} kills hit; byte-equal in the end: {equal}")
    if not equal:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
