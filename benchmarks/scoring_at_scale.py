"""Score a folder on a Dask cluster, lose a worker midway, and say what 24,577 pairs would take.

    python -m benchmarks.scoring_at_scale --pairs 16 --record

Rendered stand-ins of the paper's pairs (480 pixels) are scored by `score_pairs` on a local cluster
of worker processes: first in peace, then with an empty cache and a worker killed (SIGKILL) when a
third of the landmarks are there, then once more, from the cache. Scores have to be equal all three
times. Memory is what each worker holds, sampled twice a second; flat is a last quarter of the run
that holds little more than the second. Writes data/results/scoring_at_scale.json.
"""

import argparse
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from dask.distributed import Client, LocalCluster
from joblib import parallel_config

from benchmarks.sync_throughput import SEED
from synclora_course.results import read_result, write_result
from synclora_lite.pairs import Exact, Pair, build, score_pairs

CORES = 32


@contextmanager
def cluster(workers: int) -> Iterator[Client]:
    """Start worker processes of one thread each, and let joblib use them."""
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as local,
        Client(local) as client,
        parallel_config(backend="dask"),
    ):
        yield client


def pids(client: Client) -> list[int]:
    """Return the process numbers of the workers."""
    return list(client.run(os.getpid).values())


@contextmanager
def beside(work: Callable[[], None], every: float = 0.5) -> Iterator[None]:
    """Call `work` now and then while the block runs."""
    done = threading.Event()

    def loop() -> None:
        while not done.wait(every):
            work()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def in_peace(folder: Path, workers: int) -> tuple[list[Pair], float, list[list[float]]]:
    """Score; return the pairs, the seconds and every worker's memory over time (MB)."""
    with cluster(workers) as client:
        processes = [psutil.Process(pid) for pid in pids(client)]
        memory: list[list[float]] = [[] for _ in processes]

        def look() -> None:
            for process, series in zip(processes, memory, strict=True):
                series.append(process.memory_info().rss / 1e6)

        start = time.perf_counter()
        with beside(look):
            pairs = score_pairs(folder, jobs=workers, again=True)
        return pairs, time.perf_counter() - start, memory


def with_a_kill(folder: Path, workers: int, cache: Path, clips: int) -> tuple[list[Pair], int]:
    """Score with an empty cache, and kill a worker on the way; return pairs and clips then done."""
    with cluster(workers) as client:
        victim, at = pids(client)[0], 0

        def look() -> None:
            nonlocal at
            tracked = len(list(cache.rglob("*.safetensors")))
            if not at and tracked >= clips / 3:
                at = tracked
                os.kill(victim, signal.SIGKILL)

        with beside(look, 0.1):
            return score_pairs(folder, jobs=workers, again=True), at


def main() -> None:
    """Render, score three times, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=16)
    parser.add_argument("--frames", type=int, default=33)
    parser.add_argument("--size", type=int, default=480)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--record", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "pairs"
        build(folder, Exact(args.frames, args.size), args.pairs, seed=SEED)
        os.environ["SYNCLORA_CACHE"] = f"{scratch}/peace"
        expected, seconds, memory = in_peace(folder, args.workers)
        os.environ["SYNCLORA_CACHE"] = f"{scratch}/killed"
        killed, at = with_a_kill(folder, args.workers, Path(f"{scratch}/killed"), 2 * args.pairs)
        if not at:
            sys.exit("Error: all was scored before a worker could be killed; give more --pairs")
        start = time.perf_counter()
        resumed = score_pairs(folder, jobs=args.workers, again=True)
        again = time.perf_counter() - start
    rate = 2 * args.frames * args.pairs / seconds / args.workers
    quarters = [
        [
            statistics.median(series[k * len(series) // 4 : (k + 1) * len(series) // 4])
            for k in (1, 3)
        ]
        for series in memory
    ]
    paper = read_result("published")["values"]["sync_lora"]
    paper_frames = 2 * paper["generated"] * paper["frames"]
    values = {
        "pairs": args.pairs,
        "frames": args.frames,
        "size": args.size,
        "workers": args.workers,
        "pairs_per_second_per_core": round(args.pairs / seconds / args.workers, 4),
        "frames_per_second_per_core": round(rate, 2),
        "worker_megabytes": [[round(value) for value in pair] for pair in quarters],
        "killed_after_clips": at,
        "lost": sum(one != other for one, other in zip(expected, killed, strict=True)),
        "differ_when_resumed": sum(
            one != other for one, other in zip(expected, resumed, strict=True)
        ),
        "resumed_seconds": round(again, 2),
        "paper_hours_on_32_cores": round(paper_frames / rate / CORES / 3600, 2),
    }
    print(values)
    if args.record:
        command = f"python -m benchmarks.scoring_at_scale --pairs {args.pairs} --record"
        write_result("scoring_at_scale", values, command=command, seed=SEED)


if __name__ == "__main__":
    main()
