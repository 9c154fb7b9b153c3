"""Banks of latents (or frames) on disk: shards mapped into memory, so that no step waits for one.

A bank is a folder of safetensors shards whose tensors have one row per pair, source first:
`frames` (rows, 2, frames, height, width, 3) as uint8, or `latents` (rows, 2, channels, frames,
height, width) as float16. A file `scores.safetensors` beside them holds `weight` (float) and
`accepted` (bool) of every pair, in the order of the shards.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int, Shaped
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from synclora_lite.errors import ConfigError, TrainingError
from synclora_lite.files import atomic_path
from synclora_lite.tensors import read_tensors

SCORES = "scores.safetensors"


class LatentDataset:
    """Random access to the rows of a bank.

    Args:
        folder: Where the shards are.
        key: The tensor to read, `latents` or `frames`.
        files: The shards; all of the folder if left out.
        scores: `weight` and `accepted` of every pair; those of the folder if left out.

    Raises:
        TrainingError: The folder holds no shards, or one is broken or lacks a tensor.

    """

    def __init__(
        self,
        folder: str | Path,
        key: str = "latents",
        *,
        files: Sequence[Path] | None = None,
        scores: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.folder = Path(folder)
        found = sorted(p for p in self.folder.glob("[!.]*.safetensors") if p.name != SCORES)
        self.files = found if files is None else list(files)
        if not self.files:
            raise TrainingError(
                f"{folder} holds no shards", "a bank of safetensors files", "build the bank first"
            )
        self.shards = [_mapped(file, key) for file in self.files]
        sizes = torch.tensor([len(shard) for shard in self.shards])
        self.ends: Int[Tensor, " shards"] = sizes.cumsum(0)
        if scores is None:
            beside = self.folder / SCORES
            scores = read_tensors(beside) if beside.exists() else {}
        ones = torch.ones(len(self))
        self.weight: Float[Tensor, " rows"] = scores.get("weight", ones)
        self.accepted: Bool[Tensor, " rows"] = scores.get("accepted", ones).bool()
        if len(self.weight) < len(self) or len(self.accepted) < len(self):
            raise TrainingError(
                f"{SCORES} scores {len(self.weight)} of {len(self)} rows",
                "a score for every row",
                "score the bank again",
            )

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self.ends[-1])

    @property
    def shape(self) -> torch.Size:
        """Size of one clip: channels, frames, height, width of latents."""
        return self.shards[0].shape[2:]

    def split(
        self, held: int, *, accepted: bool = True
    ) -> tuple[Int[Tensor, " training"], Int[Tensor, " held"]]:
        """Return the rows to train on, perhaps the accepted ones only, and the last, held back.

        Raises:
            ConfigError: All are held back.
            TrainingError: None of the others is accepted.

        """
        training, validation = split_rows(torch.arange(len(self)), held)
        training = training[self.accepted[training]] if accepted else training
        if not len(training):
            raise TrainingError(f"no pair of {self.folder} is accepted", "pairs to train on")
        return training, validation

    def read(self, rows: Int[Tensor, " batch"]) -> Shaped[Tensor, "batch 2 ..."]:
        """Return pairs, source first; half precision becomes float32.

        Raises:
            TrainingError: A pair holds values that are no numbers.

        """
        pairs = []
        for row in rows.tolist():
            shard = int(torch.searchsorted(self.ends, row, right=True))
            pair = self.shards[shard][row - int(self.ends[shard])]  # counted from the shard's end
            if pair.is_floating_point():
                if not torch.isfinite(pair).all():
                    raise TrainingError(
                        f"{self.names(torch.tensor([row]))[0]} holds values that are no numbers",
                        "finite numbers",
                        "leave the pair out, or build its shard again",
                    )
                pair = pair.float()
            pairs.append(pair)
        return torch.stack(pairs)

    def names(self, rows: Int[Tensor, " batch"]) -> list[str]:
        """Return where pairs lie: shard and row in it."""
        return [f"pair {place} of {file.name}" for file, place in self.places(rows)]

    def places(self, rows: Int[Tensor, " batch"]) -> list[tuple[Path, int]]:
        """Return the shard of every row and its place in it."""
        shards = torch.searchsorted(self.ends, rows, right=True).tolist()
        starts = [0, *self.ends.tolist()]
        return [
            (self.files[shard], row - starts[shard])
            for row, shard in zip(rows.tolist(), shards, strict=True)
        ]


def write_shard(path: str | Path, **tensors: Tensor) -> None:
    """Write one shard; every tensor has the same number of rows."""
    with atomic_path(path) as partial:
        save_file({name: value.contiguous() for name, value in tensors.items()}, partial)


def split_rows(
    rows: Int[Tensor, " rows"], held: int
) -> tuple[Int[Tensor, " training"], Int[Tensor, " held"]]:
    """Hold the last rows back for validation.

    Raises:
        ConfigError: None would be left to train on.

    """
    if held >= len(rows):
        raise ConfigError(
            f"validation_clips = {held} of a bank of {len(rows)} pairs",
            "fewer, so that pairs are left to train on",
        )
    return rows[: len(rows) - held], rows[len(rows) - held :]


def shuffled_rows(
    rows: Int[Tensor, " rows"], batch: int, batch_index: int, seed: int
) -> Int[Tensor, " batch"]:
    """Return batch number `batch_index` of an endless reading of `rows`, shuffled every pass.

    It depends on its arguments only, so a resumed run reads on where the first one stopped.
    """
    first = batch_index * batch
    picked = []
    for epoch in range(first // len(rows), (first + batch - 1) // len(rows) + 1):
        order = torch.randperm(len(rows), generator=seeded(seed, epoch))
        start = max(first - epoch * len(rows), 0)
        picked.append(order[start : first + batch - epoch * len(rows)])
    return rows[torch.cat(picked)]


def seeded(*numbers: int) -> torch.Generator:
    """Return a generator whose stream depends on all the numbers and on nothing else."""
    seed = 0
    for number in numbers:
        seed = (seed * 1_000_003 + number + 0x9E3779B9) % (2**63)
    return torch.Generator().manual_seed(seed)


def _mapped(file: Path, key: str) -> Tensor:
    try:
        with safe_open(file, framework="pt") as shard:
            tensor: Tensor = shard.get_tensor(key)
    except SafetensorError as error:
        raise TrainingError(
            f"{file} cannot be read ({error})", f"a shard with {key}", "delete it and build again"
        ) from error
    return tensor
