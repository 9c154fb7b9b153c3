"""How fast exact pairs are built: rendered, encoded and entered into the manifest.

    python -m benchmarks.pairs_building --pairs 12

Writes data/results/pairs_building.json. Seconds are those of the processor (this process and its
encoders), so that other work on the machine does not count.
"""

import argparse
import resource
import tempfile
import time

import torch

from synclora_course.results import write_result
from synclora_lite.pairs import Exact, build
from synclora_lite.pairs.building import MAX_SEED


def processor_seconds() -> float:
    """Return what this process and its finished children have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def main() -> None:
    """Build once to warm up, then measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--frames", type=int, default=17)
    parser.add_argument("--size", type=int, default=128)
    args = parser.parse_args()
    torch.set_num_threads(1)
    builder = Exact(frames=args.frames, size=args.size)
    with tempfile.TemporaryDirectory() as folder:
        build(folder, builder, 1, seed=MAX_SEED - 1)
        wall, processor = time.perf_counter(), processor_seconds()
        build(folder, builder, args.pairs, seed=MAX_SEED)
        wall, processor = time.perf_counter() - wall, processor_seconds() - processor
    frames = 2 * args.frames * args.pairs
    values = {
        "pairs": args.pairs,
        "frames": frames,
        "size": args.size,
        "frames_per_second_per_core": round(frames / processor, 1),
        "frames_per_second_wall": round(frames / wall, 1),
    }
    command = (
        f"python -m benchmarks.pairs_building --pairs {args.pairs} --frames {args.frames} "
        f"--size {args.size}"
    )
    write_result("pairs_building", values, command=command, seed=MAX_SEED)
    print(values)


if __name__ == "__main__":
    main()
