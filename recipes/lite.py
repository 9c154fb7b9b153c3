"""Make the whole lite model, from rendering to adapter, on one GPU or on a CPU.

    python -m recipes.lite --out runs/lite      # `make lite`

Render pairs, take the principal components of their blocks as autoencoder, train the base and the
adapter. Every part goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import torch

from recipes import lite_bank, lite_base, lite_latents
from synclora_lite.cli.train import train as train_adapter
from synclora_lite.files import write_atomic


@dataclass(frozen=True)
class Size:
    """How much of everything.

    Attributes:
        pairs: Rendered pairs, `shard` in a file.
        channels: Components in a latent.
        width: Of the transformer, with `layers` blocks.
        base_steps: Steps of the base on `base_batch` clips.
        adapter_steps: Steps of the adapter on `adapter_batch` pairs, the first tenth identical.
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
    "tiny": Size(8, 4, 48, 64, 1, 4, 2, 4, 2, 4),
    "cpu": Size(1536, 64, 512, 512, 6, 12000, 8, 4000, 8, 64),
    "gpu": Size(8192, 64, 512, 512, 6, 12000, 64, 4000, 64, 64),
}

ADAPTER = """\
recipe = "adapter"
out = {out}
bank = {bank}
model = {model}
rank = {rank}
identical = [1.0, 0.0]
identical_steps = {identical}
validation_clips = {held}

[flow]
mu = 1.0
uniform = 0.0

[loop]
device = "{device}"
steps = {steps}
batch = {batch}
optimizer = "muon"
lr = 2e-3
betas = [0.95, 0.98]
ema = 0.99
warmup = 20
final_lr = 0.02
validate_every = {validate}
checkpoint_every = {validate}
"""


def adapter_config(size: Size, out: Path, device: str) -> Path:
    """Write the configuration that `synclora train` reads; return its path."""
    text = ADAPTER.format(
        **{name: json.dumps(str(out / place)) for name, place in PLACES.items()},
        rank=size.rank,
        identical=max(1, size.adapter_steps // 10),
        held=min(16, size.shard),
        device=device,
        steps=size.adapter_steps,
        batch=size.adapter_batch,
        validate=max(1, size.adapter_steps // 20),
    )
    return write_atomic(out / "adapter.toml", text)


PLACES = {"out": "adapter", "bank": "latents", "model": "base/model"}


def main(arguments: list[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    found = "cuda" if torch.cuda.is_available() else "cpu"
    usual = "gpu" if found == "cuda" else "cpu"
    parser.add_argument("--size", choices=SIZES, default=usual, help="cpu takes a day of two cores")
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
    length += ["--cooldown", str(size.base_steps // 5)]
    lite_base.main([latents, vae, base, *shape, *length, *device])
    train_adapter(adapter_config(size, out, given.device), quiet=False)


if __name__ == "__main__":
    main()
