"""The latent cache: every clip of a frame bank encoded once, before any training step."""

import hashlib
from pathlib import Path

import torch
from diffusers import AutoencoderKLLTXVideo
from jaxtyping import Float, UInt8
from torch import Tensor
from tqdm.auto import tqdm

from synclora_lite.models import encode
from synclora_lite.training.bank import LatentDataset, check_made, write_shard

CLIPS_AT_ONCE = 8


def to_model_range(
    frames: UInt8[Tensor, "batch frames height width 3"],
) -> Float[Tensor, "batch 3 frames height width"]:
    """Return video frames as the autoencoder takes them, in [-1, 1]."""
    return frames.permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def to_frames(
    video: Float[Tensor, "batch 3 frames height width"],
) -> UInt8[Tensor, "batch frames height width 3"]:
    """Return decoded clips as video frames."""
    return ((video.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 4, 1).contiguous()


@torch.no_grad()
def encode_bank(
    vae: AutoencoderKLLTXVideo, frames: str | Path, folder: str | Path, *, progress: bool = True
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


def encoder_digest(vae: AutoencoderKLLTXVideo) -> str:
    """Return a hash of all weights that latents depend on; a decoder trained on changes nothing."""
    digest = hashlib.sha256()
    for name, value in sorted(vae.state_dict().items()):
        if not name.startswith("decoder."):
            digest.update(name.encode() + value.float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
