"""Several processes, one run: accelerate starts and joins them; the loop shares out the batches.

The batches of one step are dealt out: with `accumulate = 8`, each of four processes takes two.
So a run is the same run on any number of GPUs, and may be resumed on another number.
"""

from accelerate import PartialState

from synclora_lite.errors import ConfigError
from synclora_lite.models.precision import check_device


def process_group(device: str) -> PartialState:
    """Return accelerate's view of the processes; "cuda" means the GPU of this one's rank.

    Raises ConfigError if this machine has no such device.
    """
    check_device(device)
    return PartialState(cpu=device.startswith("cpu"))


def share(batches: int, process: int, processes: int) -> range:
    """Return which of a step's batches a process takes; ConfigError if they cannot be dealt out."""
    if batches % processes:
        what = f"accumulate = {batches} with {processes} processes"
        raise ConfigError(what, f"a multiple of {processes}: the batches of a step are dealt out")
    return range(process, batches, processes)
