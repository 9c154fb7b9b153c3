"""Make the whole lite model, from rendering to adapter, on one GPU or on a CPU.

    python -m recipes.lite --out runs/lite      # `make lite`

Render pairs, fit the autoencoder's principal components to them, train the base and the adapter.
Every part goes on where it was stopped.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from recipes import lite_bank, lite_base, lite_latents
from synclora_lite.files import PROJECT
from synclora_lite.training import AdapterConfig, adapter_recipe, train
from synclora_lite.training.config import read_config


@dataclass(frozen=True)
class Size:
    """How much of everything.

    Attributes:
        pairs: Rendered pairs, `shard` in a file.
        channels: Components in a latent.
        width: Of the transformer, with `layers` blocks.
        base_steps: Steps of the base on `base_batch` clips.
        adapter_steps: Steps of the adapter, on `adapter_batch` pairs.
        rank: Of the adapter.
    """

    pairs: int
    shard: int
    channels: int
    width: int
    layers: int
    base_steps: int
    base_batch: int
    adapter_steps: int
    adapter_batch: int
    rank: int


SIZES = {
    "tiny": Size(8, 4, 48, 64, 1, 4, 2, 5, 2, 4),
    "cpu": Size(1536, 64, 192, 256, 6, 3000, 16, 3600, 8, 64),
    "gpu": Size(8192, 64, 192, 384, 8, 12000, 64, 4000, 64, 64),
}


def adapter_config(size: Size, out: Path, device: str) -> AdapterConfig:
    """Return configs/adapter.toml for a size and a place."""
    config, _ = read_config(PROJECT / "configs/adapter.toml", {"adapter": AdapterConfig})
    steps, often = size.adapter_steps, max(1, size.adapter_steps // 4)
    batch = size.adapter_batch
    loop = replace(
        config.loop, device=device, steps=steps, batch=batch, accumulate=1, validate_every=often
    )
    return replace(
        config,
        bank=out / "latents",
        model=str(out / "base/model"),
        rank=size.rank,
        identical_steps=max(1, config.identical_steps * steps // config.loop.steps),
        validation_clips=min(config.validation_clips, size.shard),
        loop=loop,
    )


def main(arguments: list[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    found = "cuda" if torch.cuda.is_available() else "cpu"
    usual = "gpu" if found == "cuda" else "cpu"
    parser.add_argument("--size", choices=SIZES, default=usual, help="cpu takes four hours")
    parser.add_argument("--out", type=Path, default=Path("runs/lite"))
    parser.add_argument("--device", default=found)
    given = parser.parse_args(arguments)
    size, out, device = SIZES[given.size], given.out, ["--device", given.device]
    bank, vae, latents, base = (str(out / n) for n in ("bank", "vae", "latents", "base"))
    counts = ["--pairs", str(size.pairs), "--shard", str(size.shard)]
    lite_bank.main([bank, *counts, *device])
    lite_latents.main([bank, vae, latents, "--channels", str(size.channels), *device])
    shape = ["--width", str(size.width), "--layers", str(size.layers)]
    length = ["--steps", str(size.base_steps), "--batch", str(size.base_batch)]
    length += ["--cooldown", str(size.base_steps // 4)]
    lite_base.main([latents, vae, base, *shape, *length, *device])
    config = adapter_config(size, out, given.device)
    train(adapter_recipe(config), config.loop, out / "adapter")


if __name__ == "__main__":
    main()
