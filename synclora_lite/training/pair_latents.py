"""From a folder of pairs, built or imported, to a bank of latents: each clip is encoded once.

A clip is shown at the model's frame rate, scaled and cropped to a square about its middle, and
trimmed, or continued by its last frame, to the length that is trained.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from tqdm.auto import tqdm

from synclora_lite.models import I2VModel, check_size, encode
from synclora_lite.models.latents import to_model_range
from synclora_lite.pairs.manifest import MANIFEST, Pair, locate, read_manifest
from synclora_lite.training.bank import SCORES, write_shard
from synclora_lite.video import Clip, read_clip, resample
from synclora_lite.video.geometry import resize_picture

SHARD = 16  # pairs per file


def is_pairs(folder: str | Path) -> bool:
    """Return whether a folder holds pairs of clips, and not a bank."""
    return (Path(folder) / MANIFEST).is_file()


def pair_latents(
    folder: str | Path, model: I2VModel, *, size: int, frames: int, progress: bool = True
) -> Path:
    """Encode all pairs of a folder that are not encoded yet, and return the bank.

    It lies in the folder, under a name that depends on the clips, the autoencoder and the size:
    other settings make another bank.

    Args:
        folder: From `synclora pairs build` or `import`.
        model: Its autoencoder encodes.
        size: Side of the square in pixels.
        frames: Length.
        progress: Show a progress bar.

    Raises:
        ModelError: The autoencoder cannot take this size or length; names the nearest it can.
        VideoError: A clip cannot be read.
        PairError: The manifest is broken.

    """
    check_size(model.vae, frames, size, size)
    pairs = read_manifest(folder)
    bank = Path(folder) / "latents" / _name(pairs, model, size, frames)
    firsts = range(0, len(pairs), SHARD)
    todo = {k: bank / f"pairs-{k:06d}.safetensors" for k in firsts}
    for first, path in tqdm(todo.items(), disable=not progress, desc="encoding", unit="shard"):
        if not path.exists():
            rows = [
                _encoded(folder, pair, model, size, frames) for pair in pairs[first : first + SHARD]
            ]
            write_shard(path, latents=torch.stack(rows))
    weights = torch.tensor([1.0 if pair.weight is None else pair.weight for pair in pairs])
    accepted = torch.tensor([pair.verdict != "reject" for pair in pairs])
    write_shard(bank / SCORES, weight=weights, accepted=accepted)
    return bank


def square(clip: Clip, size: int, frames: int) -> UInt8[np.ndarray, "frames size size 3"]:
    """Scale the shorter side to `size`, cut the middle out, and bring to the length."""
    height, width = clip.size
    scale = size / min(height, width)
    tall, wide = max(size, round(height * scale)), max(size, round(width * scale))
    y, x = (tall - size) // 2, (wide - size) // 2
    shown = clip.frames[np.minimum(np.arange(frames), len(clip) - 1)]
    return np.stack([resize_picture(f, tall, wide)[y : y + size, x : x + size] for f in shown])


@torch.no_grad()
def _encoded(
    folder: str | Path, pair: Pair, model: I2VModel, size: int, frames: int
) -> Float[Tensor, "2 channels latent_frames latent_height latent_width"]:
    """Return the latents of source and edited clip."""
    latents = []
    for media in (pair.source, pair.edited):
        clip = resample(read_clip(locate(folder, media.path)), model.frame_rate)
        video = to_model_range(torch.from_numpy(square(clip, size, frames))[None])
        latents.append(encode(model, video.to(model.vae.device)).half().cpu())
    return torch.cat(latents)


def _name(pairs: list[Pair], model: I2VModel, size: int, frames: int) -> str:
    vae = {name: value for name, value in model.vae.config.items() if not name.startswith("_")}
    content = [(pair.source.sha256, pair.edited.sha256) for pair in pairs]
    first = next(model.vae.parameters()).detach().float().sum().item()
    facts = [content, vae, f"{first:.6g}", size, frames, model.frame_rate]
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:16]
