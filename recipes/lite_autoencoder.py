"""Train the lite model's autoencoder on rendered clips.

    python -m recipes.lite_autoencoder runs/bank runs/autoencoder --steps 20000

Two batches in three are crops of 64 pixels about the face, where all that moves is; the third is
whole frames. Errors at eyes and mouth weigh more: a few hundred pixels carry the synchronization.
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from safetensors import safe_open
from torch import Tensor

from recipes.loop import Schedule, train, training_dtype
from synclora_lite.models.autoencoder import BlockAutoencoder, Grid, fit_components, to_blocks

CROP, FACE_WEIGHT, NOISE = 64, 30.0, 0.1


class Bank:
    """Rendered pairs and where their eyes and mouths are, mapped from disk."""

    def __init__(self, folder: Path) -> None:
        self.files = [safe_open(f, framework="pt") for f in sorted(folder.glob("*.safetensors"))]
        self.frames = [f.get_tensor("frames") for f in self.files]
        self.masks = [f.get_tensor("mask") for f in self.files]
        self.starts = torch.tensor([0, *(len(f) for f in self.frames)]).cumsum(0)

    def __len__(self) -> int:
        return int(self.starts[-1])

    def read(
        self, rows: Tensor, sides: Tensor
    ) -> tuple[UInt8[Tensor, "b f h w 3"], UInt8[Tensor, "b f h w"]]:
        """Return clips, of each row the source (0) or the edited one (1), and their masks."""
        frames, masks = [], []
        for row, side in zip(rows.tolist(), sides.tolist(), strict=True):
            shard = int(torch.searchsorted(self.starts, row, right=True)) - 1
            k = row - int(self.starts[shard])
            frames.append(self.frames[shard][k, side])
            masks.append(self.masks[shard][k])
        return torch.stack(frames), torch.stack(masks)


def to_video(frames: UInt8[Tensor, "b f h w 3"], device: torch.device) -> Float[Tensor, "b 3 f h w"]:
    """Return clips in [-1, 1]."""
    return frames.to(device).permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def augmented(
    frames: UInt8[Tensor, "b f h w 3"], masks: UInt8[Tensor, "b f h w"], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Mirror half the clips, and permute their colours: other people, for nothing."""
    parts, covers = [], []
    for clip, mask in zip(frames, masks, strict=True):
        flip = bool(torch.randint(2, (), generator=generator))
        order = torch.randperm(3, generator=generator) if torch.rand((), generator=generator) < 0.5 else torch.arange(3)
        parts.append((clip.flip(2) if flip else clip)[..., order])
        covers.append(mask.flip(2) if flip else mask)
    return torch.stack(parts), torch.stack(covers)


def weighted_error(
    vae: BlockAutoencoder, rows: Tensor, weights: Tensor, grid: Grid, generator: torch.Generator
) -> Tensor:
    """Return the reconstruction's weighted squared error, and a little for large latents."""
    z = vae.encode_blocks(rows.to(vae.dtype), grid)
    loud = NOISE * torch.rand(len(z), 1, 1, generator=generator)
    noise = loud * torch.randn(z.shape, generator=generator)
    decoded = vae.decode_blocks(z + noise.to(z), grid)
    error = ((decoded - rows.to(decoded)).float().square() * weights).sum() / weights.sum()
    return error + 1e-4 * z.float().square().mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--cooldown", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--batch", type=int, default=8, help="whole clips, or twice as many crops")
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--channels", type=int, default=128)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--held", type=int, default=16, help="pairs kept for validation")
    given = parser.parse_args()
    device = torch.device(given.device)
    torch.manual_seed(0)
    vae = BlockAutoencoder(latent_channels=given.channels, width=given.width, heads=given.width // 64)
    bank = Bank(given.bank)
    learned = len(bank) - given.held
    if not (given.out / "state.safetensors").exists():
        rows = torch.arange(0, learned, max(1, learned // 400))
        fit_components(vae, [to_video(bank.read(r, r % 2)[0], torch.device("cpu")) for r in rows.split(8)])
        vae.save_pretrained(given.out)
    else:
        vae = BlockAutoencoder.from_pretrained(given.out)
    shipped = copy.deepcopy(vae)  # in float32
    vae = vae.to(device, training_dtype(device))
    if given.compile:
        for block in (*vae.encoder, *vae.decoder):
            block.compile(dynamic=False)

    def loss(step: int, generator: torch.Generator) -> Tensor:
        whole = step % 3 == 2
        count = given.batch if whole else 2 * given.batch
        rows = torch.randint(learned, (count,), generator=generator)
        frames, masks = bank.read(rows, torch.randint(2, (count,), generator=generator))
        frames, masks = augmented(frames, masks, generator)
        if not whole:
            edge = frames.shape[2] - CROP
            y, x = torch.randint(edge + 1, (2,), generator=generator).tolist()
            frames, masks = frames[:, :, y : y + CROP, x : x + CROP], masks[:, :, y : y + CROP, x : x + CROP]
        blocks, size = to_blocks(to_video(frames, device))
        cover = masks.to(device).float()[:, None].expand(-1, 3, -1, -1, -1) / 255
        weights = 1 + FACE_WEIGHT * to_blocks(cover)[0]
        return weighted_error(vae, blocks, weights, vae.grid(*size), generator)

    def export(averaged: dict[str, Tensor]) -> None:
        shipped.load_state_dict(averaged, strict=False)
        shipped.save_pretrained(given.out)

    @torch.no_grad()
    def validate() -> dict[str, float]:
        rows = torch.arange(learned, len(bank))
        total, face, covered, count = 0.0, 0.0, 0.0, 0
        for part in rows.split(8):
            frames, masks = bank.read(part, torch.ones_like(part))
            video = to_video(frames, device)
            error = (vae(video.to(vae.dtype)).float() - video).square().mean(1)[:, 1:] / 4
            mask = masks.to(device).float()[:, 1:] / 255
            total += float(-10 * error.mean((1, 2, 3)).log10().sum())
            face += float((error * mask).sum())
            covered += float(mask.sum())
            count += len(part)
        return {"psnr": total / count, "psnr_face": -10 * float(torch.tensor(face / covered).log10())}

    schedule = Schedule(
        steps=given.steps, lr=given.lr, cooldown=given.cooldown, minutes=given.minutes
    )
    train(vae, loss, schedule, given.out, export=export, validate=validate)


if __name__ == "__main__":
    main()
