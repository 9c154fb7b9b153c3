"""Rendered training pairs in bulk: shards of frames that the trainings read from disk.

Pair `k` is drawn from seed `k` alone, so any shard can be rebuilt by itself, in any order, on
any number of processes, and a build that was stopped goes on with the shards that are missing.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int, UInt8
from joblib import Parallel, delayed
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from tqdm.auto import tqdm

from synclora_lite.errors import PairError, TrainingError
from synclora_lite.files import atomic_path, read_json, write_json
from synclora_lite.models.autoencoder import Autoencoder
from synclora_lite.models.latents import encode, to_model_range
from synclora_lite.portraits import EDIT_KINDS, EditCase, edit_case, render_batch
from synclora_lite.training.bank import LatentDataset, write_shard

SHARD = 64  # pairs per file
CLIPS_AT_ONCE = 8


def training_case(k: int, frames: int = 17) -> EditCase:
    """Return training pair `k`; the kinds of edit take turns."""
    return edit_case(k, EDIT_KINDS[k % len(EDIT_KINDS)], frames)


def _render_shard(path: Path, first: int, frames: int, size: int) -> None:
    torch.set_num_threads(1)
    cases = [training_case(k, frames) for k in range(first, first + SHARD)]
    people = [person for case in cases for person in (case.source, case.edited)]
    motions = [case.motion for case in cases for _ in range(2)]
    video = render_batch(people, motions, size).unflatten(0, (SHARD, 2)).contiguous()
    with atomic_path(path) as partial:
        save_file({"frames": video}, partial)


def build_bank(
    folder: Path, pairs: int, *, first: int = 0, frames: int = 17, size: int = 128, jobs: int = 2
) -> list[Path]:
    """Render training pairs from `first` on into shards, without those already there.

    Shards are whole: `pairs` is rounded up to a multiple of 64.

    Raises:
        PairError: Shards in the folder hold clips of another size or length, or `first` lies
            inside a shard.

    """
    if first % SHARD or first < 0:
        raise PairError(f"a bank from pair {first} on", f"a multiple of {SHARD}, as shards begin")
    folder.mkdir(parents=True, exist_ok=True)
    _check_shards(folder, (frames, size, size))
    starts = range(first, first + pairs, SHARD)
    paths = [folder / f"pairs-{start:06d}.safetensors" for start in starts]
    todo = [(path, start) for path, start in zip(paths, starts, strict=True) if not path.exists()]
    work = (delayed(_render_shard)(path, start, frames, size) for path, start in todo)
    done = Parallel(n_jobs=jobs, return_as="generator_unordered")(work)
    for _ in tqdm(done, total=len(todo), desc="rendering pairs", unit="shard"):
        pass
    return paths


def _check_shards(folder: Path, clips: tuple[int, int, int]) -> None:
    """Raise PairError if a shard in a folder holds clips of another length, height or width."""
    for path in sorted(folder.glob("pairs-*.safetensors")):
        with safe_open(path, framework="pt") as shard:
            found = tuple(shard.get_slice("frames").get_shape()[2:5])
        if found != clips:
            raise PairError(
                f"{path} holds clips of {'x'.join(map(str, found))}",
                "x".join(map(str, clips)),
                "name another folder, or delete this one",
            )


def read_shard(path: Path) -> UInt8[Tensor, "pairs 2 frames height width 3"]:
    """Read one shard, mapped from disk."""
    with safe_open(path, framework="pt") as shard:
        return shard.get_tensor("frames")


def cases_of(bank: LatentDataset, rows: Int[Tensor, " batch"]) -> list[int]:
    """Return the numbers of rendered pairs: a shard is named after its first.

    Raises:
        TrainingError: A shard has another name.

    """
    cases = []
    for file, place in bank.places(rows):
        number = re.fullmatch(r"pairs-(\d+)", file.stem)
        if number is None:
            raise TrainingError(
                f"{file} does not say which rendered pairs it holds",
                "a name such as pairs-000064.safetensors, after the first of them",
                "render the bank with recipes.bank, or set feature_weight = 0",
            )
        cases.append(int(number[1]) + place)
    return cases


@torch.no_grad()
def encode_bank(
    vae: Autoencoder, frames: str | Path, folder: str | Path, *, progress: bool = True
) -> LatentDataset:
    """Encode a bank of frame pairs, shard by shard, skipping those already there.

    What they were made with is recorded beside them. Shards of an older bank, which has no record,
    are kept whatever made them.

    Args:
        vae: The trained autoencoder, with the mean and deviation of its latents set.
        frames: A bank whose `frames` are (pairs, 2, frames, height, width, 3) uint8.
        folder: Where the shards with `latents` go, as float16.
        progress: Show a progress bar.

    Raises:
        TrainingError: The folder holds latents of another autoencoder, or of clips of another size.

    """
    bank, folder = LatentDataset(frames, "frames"), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    clips = "x".join(str(length) for length in bank.shards[0].shape[2:5])
    check_made(folder, {"autoencoder": encoder_digest(vae), "clips": clips})
    for file, shard in tqdm(
        list(zip(bank.files, bank.shards, strict=True)),
        disable=not progress,
        desc="encoding",
    ):
        if not (folder / file.name).exists():
            parts = shard.flatten(0, 1).split(CLIPS_AT_ONCE)
            latents = torch.cat([encode(vae, to_model_range(p)).half().cpu() for p in parts])
            write_shard(folder / file.name, latents=latents.unflatten(0, (-1, 2)))
    return LatentDataset(folder)


def encoder_digest(vae: Autoencoder) -> str:
    """Return a hash of all weights that latents depend on; a decoder trained on changes nothing."""
    digest = hashlib.sha256()
    for name, value in sorted(vae.state_dict().items()):
        if not name.startswith("decoder."):
            digest.update(name.encode() + value.float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def check_made(folder: Path, facts: Mapping[str, Any]) -> None:
    """Record what the shards of a bank are made with, or compare it with the record.

    Shards from before there were records have none; they are taken for what is asked for.

    Raises:
        TrainingError: The bank was made with something else; says what differs.

    """
    record = folder / "made.json"
    known = read_json(record) if record.exists() else None
    if known is None and not any(folder.glob("*.safetensors")):
        write_json(record, facts)
    elif known not in (None, facts):
        differing = [name for name in facts if known.get(name) != facts[name]]
        got, wanted = (
            ", ".join(f"{name} {of.get(name)}" for name in differing) for of in (known, facts)
        )
        advice = "name another folder, or delete this one"
        raise TrainingError(f"{folder} was made with {got}", wanted, advice)
