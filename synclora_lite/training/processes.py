"""Several processes, one run: accelerate starts and joins them; the loop shares out the batches.

The batches of one step are dealt out: with `accumulate = 8`, each of four processes takes two.
So a run is the same run on any number of GPUs, and may be resumed on another number.
"""

import ctypes
from contextlib import suppress

from accelerate import PartialState

from synclora_lite.errors import ConfigError
from synclora_lite.models.precision import check_device

MMAP_MAX, TRIM_THRESHOLD = -4, -1  # names of settings in malloc.h


def process_group(device: str) -> PartialState:
    """Return accelerate's view of the processes; ConfigError if there is no such device."""
    check_device(device)
    return PartialState(cpu=device.startswith("cpu"))


def keep_freed_memory() -> None:
    """Let this whole process keep what a step frees for the next one, where its C library is glibc.

    Pages that are given back and asked for again cost a sixth of a step on a CPU.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(MMAP_MAX, 0)
        libc.mallopt(TRIM_THRESHOLD, 2**31 - 1)


def share(batches: int, process: int, processes: int) -> range:
    """Return which of a step's batches a process takes; ConfigError if they cannot be dealt out."""
    if batches % processes:
        what = f"accumulate = {batches} with {processes} processes"
        raise ConfigError(what, f"a multiple of {processes}: the batches of a step are dealt out")
    return range(process, batches, processes)
