"""Render the lite model's training pairs: shards of clips, and where their eyes and mouths are.

    python -m recipes.lite_bank runs/bank --pairs 4096

Pair k depends on k alone, so a bank may be stopped, gone on with and enlarged.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from joblib import Parallel, delayed
from safetensors.torch import save_file
from torch import Tensor
from tqdm.auto import tqdm

from recipes.scenes import feature_mask, scene_case
from synclora_lite.files import atomic_path
from synclora_lite.portraits import EDIT_KINDS, render_batch


def render_pairs(first: int, count: int, device: str = "cpu") -> dict[str, Tensor]:
    """Return frames (count, 2, 17, 96, 96, 3) and mask (count, 17, 96, 96), both uint8."""
    cases = [scene_case(k, EDIT_KINDS[k % len(EDIT_KINDS)]) for k in range(first, first + count)]
    frames = render_batch(
        [who for case in cases for who in (case.source, case.edited)],
        [case.motion for case in cases for _ in range(2)],
        96,
        device,
        cameras=[case.camera for case in cases for _ in range(2)],
    )
    mask = feature_mask([case.motion for case in cases], 96, device)
    return {
        "frames": frames.unflatten(0, (count, 2)).contiguous(),
        "mask": (mask * 255).to(torch.uint8),
    }


def build(path: Path, first: int, count: int, device: str) -> None:
    """Render one shard."""
    torch.set_num_threads(1)
    with atomic_path(path) as partial:
        save_file({k: v.cpu() for k, v in render_pairs(first, count, device).items()}, partial)


def main(arguments: list[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pairs", type=int, default=4096)
    parser.add_argument("--shard", type=int, default=64, help="pairs in a file")
    parser.add_argument("--jobs", type=int, default=2, help="processes, on the CPU")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    paths = {
        k: given.out / f"pairs-{k:06d}.safetensors" for k in range(0, given.pairs, given.shard)
    }
    todo = [(path, k) for k, path in paths.items() if not path.exists()]
    jobs = given.jobs if given.device == "cpu" else 1
    work = (delayed(build)(path, k, given.shard, given.device) for path, k in todo)
    done = Parallel(n_jobs=jobs, return_as="generator_unordered")(work)
    for _ in tqdm(done, total=len(todo), desc="rendering", unit="shard"):
        pass


if __name__ == "__main__":
    main()
