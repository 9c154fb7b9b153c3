"""The pairs that ablations are trained on: small banks of latents, with the scores of a filter."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from synclora_course.corruption import Corrupted
from synclora_lite.editing import LTXVideo
from synclora_lite.errors import ConfigError, TrainingError
from synclora_lite.files import append_jsonl, read_json, read_jsonl, write_json
from synclora_lite.models import encode_pair
from synclora_lite.models.latents import to_model_range
from synclora_lite.pairs import Exact
from synclora_lite.pairs.filtering import STAGES, stage_of
from synclora_lite.portraits import EDIT_KINDS, edit_case, render_clip, sample_identity
from synclora_lite.sync import score_clips
from synclora_lite.training.bank import SCORES, write_shard

Frames = UInt8[np.ndarray, "frames height width 3"]

BANKS = ("edited", "strangers", "faulty")
ROWS = 16  # pairs a shard
CHECKS = "checks.jsonl"


def draw_pair(bank: str, k: int, size: int, frames: int) -> tuple[Frames, Frames]:
    """Draw pair k of a bank; every second one of "faulty" is corrupted."""
    kind = EDIT_KINDS[k % len(EDIT_KINDS)]
    if bank == "strangers":
        case = edit_case(k, kind, frames)
        other = sample_identity(torch.Generator().manual_seed(k + 1))
        return render_clip(case.source, case.motion, size), render_clip(other, case.motion, size)
    corrupted = bank == "faulty" and k % 2
    builder = Corrupted(frames, size) if corrupted else Exact(frames, size)
    drawn = builder.draw(k, kind)
    return drawn.source, drawn.edited


def build_bank(bank: str, folder: Path, pairs: int, editor: LTXVideo) -> None:
    """Render and encode the pairs of a bank, shard by shard, without those already there.

    Pairs of "faulty" are scored as well: the checks of each are a line of checks.jsonl.

    Raises:
        ConfigError: There is no such bank.
        TrainingError: The folder holds latents of another autoencoder, size or length.

    """
    if bank not in BANKS:
        raise ConfigError(f"no bank named {bank!r}", ", ".join(BANKS))
    folder.mkdir(parents=True, exist_ok=True)
    side, frames = editor.domain.side, editor.domain.frames
    clips = f"{frames}x{side}x{side}"
    facts, record = {"autoencoder": digest(editor.model.vae), "clips": clips}, folder / "made.json"
    if not record.exists():
        write_json(record, facts)
    elif read_json(record) != facts:
        made, wanted = (
            ", ".join(f"{name} {value}" for name, value in each.items())
            for each in (read_json(record), facts)
        )
        raise TrainingError(f"{folder} was made with {made}", wanted, "name another folder")
    for first in range(0, pairs, ROWS):
        path = folder / f"pairs-{first:06d}.safetensors"
        if path.exists():
            continue
        drawn = [draw_pair(bank, k, side, frames) for k in range(first, first + ROWS)]
        if bank == "faulty":
            _score(folder / CHECKS, drawn, first)
        rows = [_encode(editor, pair, bank) for pair in drawn]
        write_shard(path, latents=torch.stack(rows).half())


def digest(vae: torch.nn.Module) -> str:
    """Return a hash of an autoencoder's weights."""
    whole = hashlib.sha256()
    for name, value in sorted(vae.state_dict().items()):
        whole.update(name.encode() + value.float().cpu().contiguous().numpy().tobytes())
    return whole.hexdigest()[:16]


@torch.no_grad()
def _encode(
    editor: LTXVideo, pair: tuple[Frames, Frames], bank: str
) -> Float[Tensor, "2 channels _ _ _"]:
    """Encode a pair; only edits that are all in sync move as their sources do."""
    if bank != "edited":
        return torch.cat([editor.encode(clip) for clip in pair])
    clips = (to_model_range(torch.from_numpy(clip)[None]) for clip in pair)
    return encode_pair(editor.model, *clips)[0]


def _score(path: Path, drawn: list[tuple[Frames, Frames]], first: int) -> None:
    """Append the checks of each pair that has no line yet."""
    known = len(read_jsonl(path)) - first
    for source, edited in drawn[max(known, 0) :]:
        checks = score_clips(source, edited, cache=False).checks
        append_jsonl(path, {name: min(ratio, 1e6) for name, ratio in checks.items()})


def take(bank: Path, folder: Path, pairs: int, without: str = "") -> Path:
    """Copy the first pairs of a bank, with the verdicts of a filter that lacks some checks.

    Whatever was taken into the folder before is removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.safetensors"):
        old.unlink()
    shards = sorted(bank.glob("pairs-*.safetensors"))[: -(-pairs // ROWS)]
    for shard in shards:
        shutil.copy(shard, folder / shard.name)
    checks = read_jsonl(bank / CHECKS)[: ROWS * len(shards)]
    if checks:
        accepted = torch.tensor([passes(row, without) for row in checks])
        write_shard(folder / SCORES, accepted=accepted, weight=torch.ones(len(checks)))
    return folder


def passes(checks: dict[str, float], without: str = "") -> bool:
    """Say whether a pair passes the filter when one of `STAGES`, or all of it, is left out.

    Raises:
        ConfigError: There is no such stage.

    """
    if without == "all":
        return True
    if without and without not in STAGES:
        raise ConfigError(f"no stage named {without!r}", f"{', '.join(STAGES)}, all")
    return all(ratio <= 1 for name, ratio in checks.items() if stage_of(name) != without)
