"""Several processes, one run: started by `accelerate launch` or `torchrun`, in step by averages.

The batches of one step are dealt out: with `accumulate = 8`, each of four processes takes two.
So a run is the same run on any number of GPUs, and may be resumed on another number.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist

from synclora_lite.errors import ConfigError
from synclora_lite.i2v.precision import check_device


@dataclass(frozen=True)
class Team:
    """This process among those of a run.

    Attributes:
        rank: Number of this process; 0 writes the files.
        size: How many there are.

    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and messages."""
        return self.rank == 0

    def share(self, batches: int) -> range:
        """Return which of the batches of a step this process takes.

        Raises:
            ConfigError: They cannot be dealt out evenly.

        """
        if batches % self.size:
            raise ConfigError(
                f"accumulate = {batches} with {self.size} processes",
                f"a multiple of {self.size}: the batches of a step are dealt out",
            )
        return range(self.rank, batches, self.size)

    def add_up(self, gradients: Iterable[torch.Tensor]) -> None:
        """Replace gradients by their sums over all processes."""
        if self.size == 1:
            return
        work = [dist.all_reduce(gradient, async_op=True) for gradient in gradients]
        for item in work:
            item.wait()

    def collect(self, values: list[Any]) -> list[Any]:
        """Return the values of all processes, in the same order everywhere."""
        if self.size == 1:
            return values
        parts: list[Any] = [None] * self.size
        dist.all_gather_object(parts, values)
        return [value for part in parts for value in part]

    def wait(self) -> None:
        """Go on when all have come here."""
        if self.size > 1:
            dist.barrier()

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """Let the leader do something whose result the others then find on disk."""
        if not self.leads:
            self.wait()
        yield
        if self.leads:
            self.wait()


def join(device: str) -> Team:
    """Return the team that this process was started in; alone if it was started by itself.

    On GPUs every process takes the one of its local rank, which "cuda" then means.

    Raises:
        ConfigError: This machine has no such device.

    """
    check_device(device)
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Team()
    on_gpu = torch.device(device).type == "cuda"
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    if not dist.is_initialized():
        dist.init_process_group("nccl" if on_gpu else "gloo")
    return Team(dist.get_rank(), dist.get_world_size())


def leave() -> None:
    """End what `join` began."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
