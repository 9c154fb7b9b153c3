"""Fit the autoencoder to a bank of rendered pairs, and encode the bank.

    python -m recipes.lite_latents runs/bank runs/vae runs/latents

Every pair is encoded as it is and mirrored: twice the clips, without rendering them. Both clips
of a pair take the source's motion: two estimates differ, and the adapter would learn to trust
neither, that is, to move less than the source does.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import torch
from jaxtyping import BFloat16, Float, UInt8
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm.auto import tqdm

from synclora_lite.files import atomic_path
from synclora_lite.models import encode_pair, to_model_range
from synclora_lite.models.autoencoder import MotionAutoencoder, cut, motion_to_first, to_light, warp


class Moments:
    """Mean and second moments of rows that come in parts, and their principal components."""

    def __init__(self, size: int) -> None:
        self.gram = torch.zeros(size, size, dtype=torch.double)
        self.total, self.count = torch.zeros(size, dtype=torch.double), 0

    def add(self, rows: Float[Tensor, "*n size"]) -> None:
        """Count some rows."""
        rows = rows.flatten(0, -2)
        self.gram += (rows.T @ rows).double()
        self.total += rows.sum(0)
        self.count += len(rows)

    def components(self, kept: int, about: Tensor | float) -> tuple[Tensor, Tensor]:
        """Return the first components (kept, size) about a point, and their deviations."""
        centre = torch.as_tensor(about).expand_as(self.total)
        variance, vectors = torch.linalg.eigh(self.gram / self.count - torch.outer(centre, centre))
        return vectors.flip(1)[:, :kept].T, variance.flip(0)[:kept].clamp(min=1e-12).sqrt()


@torch.no_grad()
def fit_components(vae: MotionAutoencoder, pairs: Iterable[Float[Tensor, "b 2 3 f h w"]]) -> None:
    """Set mean, components and scales of an autoencoder from pairs, given in batches.

    A component of residuals is scaled to the square root of its deviation, between equal weight
    for all components and equal weight for all pixels; so is one of motion, counted by the change
    of pixels that motion explains; and all of them so that the latents' mean square is one. The
    first frame's are scaled to the same deviations, channel by channel, so that the transformer
    sees both alike.
    """
    pictures, motions, residuals = (
        Moments(size)
        for size in (len(vae.mean), vae.motion_basis.shape[1], vae.residual_basis.shape[1])
    )
    changed = 0.0
    for batch in pairs:
        motion = motion_to_first(batch[:, 0])
        for light in to_light(batch).unbind(1):
            pictures.add(cut(light[:, :, ::4], **vae.picture))
            motions.add(cut(motion, **vae.cells))
            changed += float((light[:, :, 1:] - light[:, :, :1]).square().sum())
            unexplained = light[:, :, 1:] - warp(light[:, :, :1], motion)
            residuals.add(cut(unexplained, **vae.block))
    explained = changed - float(residuals.gram.trace())
    weight = (explained / float(motions.gram.trace())) ** 0.5
    basis, of_motion = motions.components(len(vae.motion_basis), 0.0)
    vae.motion_basis.copy_(basis)
    basis, of_residual = residuals.components(len(vae.residual_basis), 0.0)
    vae.residual_basis.copy_(basis)
    deviation = torch.cat([weight * of_motion, of_residual])
    latent = (deviation / deviation.mean()).sqrt()
    vae.scale.copy_(torch.cat([of_motion, of_residual]) / latent)
    mean = pictures.total / pictures.count
    basis, of_picture = pictures.components(len(vae.picture_basis), mean)
    vae.mean.copy_(mean)
    vae.picture_basis.copy_(basis)
    vae.picture_scale.copy_(of_picture / latent)


@torch.no_grad()
def encode_pairs(vae: MotionAutoencoder, frames: UInt8[Tensor, "b 2 f h w 3"]) -> Tensor:
    """Return latents, in parts that fit the cache."""
    device = vae.mean.device
    parts = ([to_model_range(side.to(device)) for side in p.unbind(1)] for p in frames.split(8))
    return torch.cat([encode_pair(vae, *part).bfloat16().cpu() for part in parts])


Pairs = BFloat16[Tensor, "_ 2 channels frames height width"]


def read_latents(folder: Path, held: int = 16) -> tuple[Pairs, Pairs]:
    """Return the pairs to learn from, and some of the last shard, which is held back whole."""
    files = sorted(folder.glob("pairs-*.safetensors"))
    last = files[-1].stem[-6:]
    learned = [load_file(f)["latents"] for f in files if not f.stem.endswith(last)]
    return torch.cat(learned), load_file(folder / f"pairs-{last}.safetensors")["latents"][:held]


def main(arguments: list[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank", type=Path)
    parser.add_argument("vae", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--channels", type=int, default=192)
    parser.add_argument("--fit", type=int, default=6, help="files that the components are of")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    files = sorted(given.bank.glob("pairs-*.safetensors"))
    if (given.vae / "config.json").exists():
        vae = MotionAutoencoder.from_pretrained(given.vae, use_safetensors=True)
    else:
        vae = MotionAutoencoder(given.channels)
        few = tqdm(files[: given.fit], desc="components", unit="shard")
        shards = (safe_open(f, framework="pt") for f in few)
        pairs = (
            torch.stack([to_model_range(side) for side in part.unbind(1)], dim=1)
            for shard in shards
            for part in shard.get_tensor("frames").split(8)
        )
        fit_components(vae, pairs)
        vae.save_pretrained(given.vae)
    vae.to(given.device)
    for file in tqdm(files, desc="encoding", unit="shard"):
        for name, turn in ((file.name, ()), (file.name.replace("pairs-", "pairs-m"), (4,))):
            if not (given.out / name).exists():
                latents = encode_pairs(vae, load_file(file)["frames"].flip(turn))
                with atomic_path(given.out / name) as partial:
                    save_file({"latents": latents}, partial)


if __name__ == "__main__":
    main()
