"""From a folder of pairs, built or imported, to latents: each clip is encoded once."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from tqdm.auto import tqdm

from synclora_lite.models import encode_pair
from synclora_lite.models.latents import to_model_range
from synclora_lite.models.precision import awake
from synclora_lite.pairs.manifest import Pair, locate, read_manifest
from synclora_lite.training.bank import LatentDataset, write_shard
from synclora_lite.training.processes import process_group
from synclora_lite.video import Clip, read_clip, resample
from synclora_lite.video.geometry import resize_picture

Size = tuple[int, int, int]  # frames, height, width
SizeOf = Callable[[int, tuple[int, int]], Size]  # of the length and size of a clip
Frames = UInt8[np.ndarray, "frames height width 3"]


def pair_latents(
    folder: Path, vae: Any, frame_rate: float, size_of: SizeOf, sizes: str, device: str
) -> LatentDataset:
    """Encode all pairs of a folder that are not encoded yet, and return the latents of all.

    They lie in the folder, one file a pair, under names that depend on the clips, the autoencoder,
    the rate and `sizes`, which says in words what `size_of` depends on: what is encoded in another
    way is another file. Of several processes the first encodes, and the others read.

    Raises ModelError if the autoencoder cannot take such a size or length, and names the nearest
    it can, VideoError if a clip cannot be read, PairError if the manifest is broken.
    """
    pairs, files, group = read_manifest(folder), list[Path](), process_group(device)
    with group.main_process_first(), awake(vae, torch.device(device)), torch.no_grad():
        weight = next(vae.parameters()).float().sum().item()
        config = {name: value for name, value in vae.config.items() if not name.startswith("_")}
        place = folder / "latents" / _digest([config, f"{weight:.6g}", frame_rate, sizes])
        for pair in tqdm(pairs, disable=not group.is_main_process, desc="encoding", unit="pair"):
            made_of = _digest([pair.source.sha256, pair.edited.sha256])
            files.append(place / f"{pair.id}-{made_of}.safetensors")
            if not files[-1].exists():
                clips = pair_clips(folder, pair, frame_rate, size_of)
                videos = (to_model_range(torch.from_numpy(clip)[None]) for clip in clips)
                encoded = encode_pair(vae, *(video.to(device) for video in videos))
                write_shard(files[-1], latents=encoded.half().cpu())
    weights = torch.tensor([1.0 if pair.weight is None else pair.weight for pair in pairs])
    accepted = torch.tensor([pair.verdict != "reject" for pair in pairs])
    return LatentDataset(folder, files=files, scores={"weight": weights, "accepted": accepted})


def pair_clips(
    folder: Path, pair: Pair, frame_rate: float, size_of: SizeOf
) -> tuple[Frames, Frames]:
    """Return source and edited clip at one rate, length and size."""
    paths = (locate(folder, media.path) for media in (pair.source, pair.edited))
    source, edited = (resample(read_clip(path), frame_rate) for path in paths)
    size = size_of(min(len(source), len(edited)), source.size)
    return covered(source, size), covered(edited, size)


def covered(clip: Clip, size: Size) -> Frames:
    """Scale a clip to cover a size, cut its middle out, trim it or go on with its last frame."""
    frames, height, width = size
    scale = max(height / clip.size[0], width / clip.size[1])
    tall, wide = (max(n, round(s * scale)) for n, s in zip(size[1:], clip.size, strict=True))
    y, x = (tall - height) // 2, (wide - width) // 2
    shown = clip.frames[np.minimum(np.arange(frames), len(clip) - 1)]
    return np.stack([resize_picture(f, tall, wide)[y : y + height, x : x + width] for f in shown])


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:16]
