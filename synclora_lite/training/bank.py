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
from safetensors.torch import save_file
from torch import Tensor

from synclora_lite.errors import ConfigError, TrainingError
from synclora_lite.files import atomic_path
from synclora_lite.tensors import read_tensors

SCORES = "scores.safetensors"
Split = tuple[Int[Tensor, " training"], Int[Tensor, " held"]]


class LatentDataset:
    """Random access to the rows of a bank: of all its shards, or of `files`.

    `key` names the tensor to read; `scores` stands for the folder's own. Raises TrainingError if
    there are no shards, ArtifactError if one is broken or lacks the tensor.
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
            what = f"{folder} holds no shards"
            raise TrainingError(what, "a bank of safetensors files", "build the bank first")
        self.shards = [read_tensors(file, (key,))[key] for file in self.files]
        self.places = [(k, row) for k, shard in enumerate(self.shards) for row in range(len(shard))]
        if scores is None:
            beside = self.folder / SCORES
            scores = read_tensors(beside) if beside.exists() else {}
        ones = torch.ones(len(self))
        self.weight: Float[Tensor, " rows"] = scores.get("weight", ones)
        self.accepted: Bool[Tensor, " rows"] = scores.get("accepted", ones).bool()
        if min(len(self.weight), len(self.accepted)) < len(self):
            what = f"{SCORES} scores {len(self.weight)} of {len(self)} rows"
            raise TrainingError(what, "a score for every row", "score the bank again")

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.places)

    @property
    def shape(self) -> torch.Size:
        """Size of one clip: channels, frames, height, width of latents."""
        return self.shards[0].shape[2:]

    def split(self, held: int, *, accepted: bool = True) -> Split:
        """Return the rows to train on, perhaps the accepted ones only, and the last, held back.

        Raises ConfigError if all are held back, TrainingError if none of the others is accepted.
        """
        if held >= len(self):
            what = f"validation_clips = {held} of a bank of {len(self)} pairs"
            raise ConfigError(what, "fewer, so that pairs are left to train on")
        training, validation = torch.arange(len(self)).split([len(self) - held, held])
        training = training[self.accepted[training]] if accepted else training
        if not len(training):
            raise TrainingError(f"no pair of {self.folder} is accepted", "pairs to train on")
        return training, validation

    def read(self, rows: Int[Tensor, " batch"]) -> Shaped[Tensor, "batch 2 ..."]:
        """Return pairs, source first, in float32; TrainingError for values that are no numbers."""
        places = [self.places[row] for row in rows.tolist()]
        pairs = [self.shards[shard][place] for shard, place in places]
        if not pairs[0].is_floating_point():
            return torch.stack(pairs)
        for name, pair in zip(self.names(rows), pairs, strict=True):
            if not torch.isfinite(pair).all():
                what, advice = f"{name} holds values that are no numbers", "build its shard again"
                raise TrainingError(what, "finite numbers", f"leave the pair out, or {advice}")
        return torch.stack([pair.float() for pair in pairs])

    def names(self, rows: Int[Tensor, " batch"]) -> list[str]:
        """Return where pairs lie: shard and row in it."""
        places = [self.places[row] for row in rows.tolist()]
        return [f"pair {place} of {self.files[shard].name}" for shard, place in places]


def write_shard(path: str | Path, **tensors: Tensor) -> None:
    """Write one shard; every tensor has the same number of rows."""
    with atomic_path(path) as partial:
        save_file({name: value.contiguous() for name, value in tensors.items()}, partial)


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
