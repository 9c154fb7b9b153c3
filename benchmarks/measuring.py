"""Clocks and memory: variants take turns, and each one's peak is read in a process of its own."""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch.utils._python_dispatch import TorchDispatchMode

Seconds = dict[str, list[float]]
STATUS = Path("/proc/self/status")


def in_turn(variants: Mapping[str, Callable[[], object]], rounds: int) -> Seconds:
    """Return the seconds of every call: A B C A B C ..., after an untimed call of each.

    What else the machine does then slows all variants alike.
    """
    for run in variants.values():
        run()
    seconds: Seconds = {name: [] for name in variants}
    for _ in range(rounds):
        for name, run in variants.items():
            begun = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - begun)
    return seconds


def spread(values: list[float]) -> dict[str, float]:
    """Return median, lowest and highest of some measurements."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def faster(seconds: Seconds, one: str, other: str) -> dict[str, float]:
    """Return how many times as fast `one` is as `other`, round by round."""
    return spread([b / a for a, b in zip(seconds[one], seconds[other], strict=True)])


def products(dtype: torch.dtype, side: int, repeats: int = 10) -> Callable[[], object]:
    """Return a call that multiplies square matrices so often."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(side, side, generator=generator).to(dtype) for _ in range(2))
    out = torch.empty_like(a)
    return lambda: [torch.mm(a, b, out=out) for _ in range(repeats)]


class Products(TorchDispatchMode):
    """Counts the matrix products that run meanwhile, by kind, shapes, strides and number format."""

    KINDS: ClassVar = {torch.ops.aten.mm: 2, torch.ops.aten.bmm: 2, torch.ops.aten.addmm: 3}

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[Any] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if (kind := func.overloadpacket) in self.KINDS:
            given = args[self.KINDS[kind] - 2 : self.KINDS[kind]]  # without what is added
            matrices = tuple((x.shape, x.stride(), x.dtype) for x in given)
            self.seen["bmm" if kind is torch.ops.aten.bmm else "mm", *matrices] += 1
        return func(*args, **(kwargs or {}))

    def seconds(self, repeats: int = 5) -> float:
        """Return how long the products take by themselves, on random matrices laid out alike."""
        generator, total = torch.Generator().manual_seed(0), 0.0
        for (kind, *matrices), count in self.seen.items():
            a, b = (_random(generator, *matrix) for matrix in matrices)
            run = getattr(torch, kind)
            run(a, b)
            times = []
            for _ in range(repeats):
                begun = time.perf_counter()
                run(a, b)
                times.append(time.perf_counter() - begun)
            total += count * statistics.median(times)
        return total


def _random(
    generator: torch.Generator, shape: torch.Size, stride: tuple[int, ...], dtype: torch.dtype
) -> torch.Tensor:
    """Return random numbers in the layout of a tensor."""
    last = sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
    whole = torch.randn(last + 1, generator=generator).to(dtype)
    return whole.as_strided(shape, stride)


def peak_resident() -> float:
    """Return the most megabytes that this process has had in memory.

    `ru_maxrss` counts on Linux what the parent held when it started this process; the kernel's
    own high-water mark does not.
    """
    if STATUS.exists():
        lines = STATUS.read_text().splitlines()
        (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
        return int(kilobytes) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def child(module: str, *options: str) -> dict[str, Any]:
    """Run a benchmark in a fresh process and return the JSON of its last line."""
    command = [sys.executable, "-m", module, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    values: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return values


def tidy(values: Any) -> Any:
    """Round every number, at any depth, to four figures that mean something."""
    if isinstance(values, Mapping):
        return {name: tidy(value) for name, value in values.items()}
    return float(f"{values:.4g}") if isinstance(values, float) else values
