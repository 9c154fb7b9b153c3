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
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from synclora_lite.errors import VideoError
from synclora_lite.video import probe, read_clip, read_image, read_metadata
from tests.robustness.ledger import Ledger
from tests.robustness.mutations import Case, cases, seeds

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


def _worker() -> ProcessPoolExecutor:
    """Return a pool of one process, which begins small: a fork has the memory of its parent."""
    return ProcessPoolExecutor(1, mp_context=get_context("forkserver"))


def run(spoiled: Iterable[Case], folder: Path) -> Iterator[Outcome]:
    """Try every file in a worker process; a worker that dies is a fault and is replaced."""
    pool = _worker()
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
            pool = _worker()
        if not outcome.fault:
            path.unlink()
        yield outcome
    pool.shutdown()


def main() -> int:
    """Run the script; the exit status is 1 if a file was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    ledger = Ledger("media", {"count": arguments.count, "seed": arguments.seed})
    folder = Path(tempfile.mkdtemp(prefix="spoiled-"))
    good = folder / "good"
    good.mkdir()
    known = ledger.done()
    left = (c for c in cases(seeds(good), arguments.count, arguments.seed) if c.name not in known)
    for case in run(left, folder):
        figures = {"read": case.read, "seconds": case.seconds, "memory": case.memory}
        ledger.add(case.name, case.kind, case.fault, **figures)
    print(ledger.table())
    print(f"what was lost is kept in {folder}" if ledger.lost else "nothing was lost")
    lost, rows = len(ledger.lost), ledger.rows
    ledger.finish(
        command=f"python -m tests.robustness.media --count {arguments.count}",
        seed=arguments.seed,
        read=sum(row["read"] for row in rows),
        slowest_seconds=round(max(row["seconds"] for row in rows), 1),
        most_megabytes=round(max(row["memory"] for row in rows) / 1e6),
    )
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
