"""Kill builds at random moments and compare what is left in the end with one never killed.

As a script: python -m tests.pairs.killing --kills 30
"""

import argparse
import random
import shutil
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

from synclora_lite.pairs import Exact, build

BUILDER = Exact(frames=5, size=32)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below the folder but the lock."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def build_in_process(folder: Path, pairs: int, kill_after: float | None = None) -> float:
    """Build in a fresh process, killed after so many seconds; return how long it ran."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["synclora_lite.pairs"])
    process = context.Process(target=build, args=(folder, BUILDER, pairs))
    start = time.perf_counter()
    process.start()
    process.join(kill_after)
    process.kill()
    process.join()
    return time.perf_counter() - start


def build_under_fire(place: Path, kills: int, pairs: int, seed: int = 0) -> tuple[Path, Path, int]:
    """Build the same pairs undisturbed and with kills.

    Returns:
        Both folders, and how many kills hit a build that was not done yet.

    """
    calm, fire = place / "calm", place / "fire"
    build_in_process(place / "warm", 1)  # starts the server that the others are forked from
    duration = build_in_process(calm, pairs)
    clock, hits = random.Random(seed), 0
    for kill in range(kills):
        # each kill finds the build a little further, or it would never come to the later pairs
        build_in_process(fire, 1 + pairs * kill // kills, clock.uniform(0, duration))
        hits += len(contents(fire)) < len(contents(calm))
    build_in_process(fire, pairs)
    return calm, fire, hits


def main() -> None:
    """Kill many builds and print how they ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    place = Path(tempfile.mkdtemp())
    calm, fire, hits = build_under_fire(place, options.kills, options.pairs, options.seed)
    equal = contents(calm) == contents(fire)
    print(f"{options.kills} kills, {hits} of them in mid-build; byte-equal: {equal}")
    shutil.rmtree(place)
    if not equal:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
