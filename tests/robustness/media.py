"""Feed thousands of spoiled clips and pictures to the reader and count what is lost.

    python -m tests.robustness.media --count 2000 --seed 0

A file is survived if it is read, or refused with a one-line VideoError, within 20 s of processor
time and 2 GB of memory. Anything else is lost, and the file is kept for a closer look. Each file
is read in a worker process, so that a crash of the interpreter is counted and not suffered.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from synclora_lite.errors import VideoError
from synclora_lite.files import write_result
from synclora_lite.video import probe, read_clip, read_image, read_metadata
from tests.robustness.mutations import MUTATIONS, Case, cases, seeds

SECONDS, MEMORY = 20.0, 2_000_000_000
READERS: dict[bool, tuple[Callable[[Path], object], ...]] = {
    False: (read_clip, probe, read_metadata),
    True: (read_image,),
}


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    kind: str
    name: str
    read: bool  # at least one reader made something of it
    fault: str  # "" if it was survived
    seconds: float  # processor time of the slowest reader
    memory: int  # bytes, the worker and its largest child so far


def try_file(kind: str, path: Path, picture: bool) -> Outcome:
    """Read one file with every reader that fits, in this process."""
    read, fault, slowest = False, "", 0.0
    for reader in READERS[picture]:
        begin = _processor_seconds()
        try:
            reader(path)
            read = True
        except VideoError as error:
            if "\n" in str(error) or not str(error).isprintable():
                fault = f"{reader.__name__}: a message of several lines"
        except Exception as error:  # noqa: BLE001 - what the readers must never raise
            fault = f"{reader.__name__}: {type(error).__name__}: {error}"
        slowest = max(slowest, _processor_seconds() - begin)
    memory = 1024 * sum(resource.getrusage(who).ru_maxrss for who in _WHO)
    if slowest > SECONDS:
        fault = fault or f"{slowest:.0f} s"
    if memory > MEMORY:
        fault = fault or f"{memory / 1e9:.1f} GB"
    return Outcome(kind, path.name, read, fault, slowest, memory)


_WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _processor_seconds() -> float:
    usages = [resource.getrusage(who) for who in _WHO]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def run(spoiled: Iterable[Case], folder: Path) -> list[Outcome]:
    """Try every file in a worker process; a worker that dies is a fault and is replaced."""
    outcomes, pool = [], ProcessPoolExecutor(1)
    for case in spoiled:
        path = folder / case.name
        path.write_bytes(case.content)
        future: Future[Outcome] = pool.submit(try_file, case.kind, path, case.is_picture)
        try:
            outcome = future.result(timeout=600)
        except (BrokenProcessPool, TimeoutError) as error:
            fault = f"the interpreter died ({type(error).__name__})"
            outcome = Outcome(case.kind, case.name, False, fault, 0.0, 0)
            pool.shutdown(wait=False, cancel_futures=True)
            pool = ProcessPoolExecutor(1)
        outcomes.append(outcome)
        if not outcome.fault:
            path.unlink()
    pool.shutdown()
    return outcomes


def table(outcomes: list[Outcome]) -> str:
    """Return how many files of each kind were tried, read, refused and lost."""
    lines = [f"{'spoiled by':<28}{'tried':>7}{'read':>7}{'refused':>9}{'lost':>6}"]
    for kind in [*MUTATIONS, "all"]:
        some = [outcome for outcome in outcomes if kind in ("all", outcome.kind)]
        count = Counter(
            "lost" if outcome.fault else "read" if outcome.read else "refused" for outcome in some
        )
        lines.append(
            f"{kind:<28}{len(some):>7}{count['read']:>7}{count['refused']:>9}{count['lost']:>6}"
        )
    return "\n".join(lines)


def main() -> int:
    """Run the script; the exit status is 1 if a file was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", action="store_true", help="keep the figures in data/results")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="spoiled-"))
    good = folder / "good"
    good.mkdir()
    begin = time.monotonic()
    outcomes = run(cases(seeds(good), arguments.count, arguments.seed), folder)
    lost = [outcome for outcome in outcomes if outcome.fault]
    print(table(outcomes))
    print(f"slowest {max(o.seconds for o in outcomes):.1f} s of processor time, ", end="")
    print(f"most memory {max(o.memory for o in outcomes) / 1e6:.0f} MB, ", end="")
    print(f"{time.monotonic() - begin:.0f} s in all")
    for outcome in lost:
        print(f"LOST {folder / outcome.name}: {outcome.fault}")
    if arguments.save:
        values = {
            "tried": len(outcomes),
            "read": sum(outcome.read for outcome in outcomes),
            "lost": len(lost),
            "slowest_seconds": round(max(outcome.seconds for outcome in outcomes), 1),
            "most_megabytes": round(max(outcome.memory for outcome in outcomes) / 1e6),
        }
        command = f"python -m tests.robustness.media --count {arguments.count} --save"
        write_result("robustness_media", values, command=command, seed=arguments.seed)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
