"""Pairs from real files: two clips, or one clip that shows both panels side by side."""

import re
from pathlib import Path
from typing import Any

from synclora_lite.errors import PairError
from synclora_lite.files import sha256
from synclora_lite.pairs.building import alone, store
from synclora_lite.pairs.manifest import Pair, append_pair, manifest_path, read_manifest
from synclora_lite.sync.sides import same_rate
from synclora_lite.video import Clip, read_clip, side_by_side


def add_files(
    folder: str | Path, source: str | Path, edited: str | Path | None = None, *, kind: str = "real"
) -> Pair:
    """Add one pair; a pair that is there already is not added twice.

    Both clips are brought to one frame rate and length and written again, so that everything in
    the folder can be read the same way whatever the files were.

    Args:
        folder: Made if need be.
        source: The source clip, or the two-panel clip if `edited` is None (left half: source).
        edited: The edited clip.
        kind: Of edit, in words.

    Raises:
        VideoError: A file cannot be read.
        PairError: The two clips differ in size.

    """
    files = [Path(path) for path in (source, edited) if path is not None]
    digests = [sha256(_existing(path)) for path in files]
    pair_id = f"{_slug(files[0].stem)}-{''.join(digest[:8] for digest in digests)}"
    folder = Path(folder)
    with alone(folder):
        known = read_manifest(folder) if manifest_path(folder).is_file() else []
        for pair in known:
            if pair.id == pair_id:
                return pair
        clips = _read(files)
        pair = _pair(folder, pair_id, clips, kind, _origin(files, digests))
        append_pair(folder, pair)
    return pair


def _read(files: list[Path]) -> tuple[Clip, Clip]:
    if len(files) == 1:
        return side_by_side(files[0])
    return same_rate(read_clip(files[0]), read_clip(files[1]))


def _pair(
    folder: Path, pair_id: str, clips: tuple[Clip, Clip], kind: str, origin: dict[str, Any]
) -> Pair:
    first, second = clips
    if first.size != second.size:
        sizes = " and ".join(f"{clip.size[1]}x{clip.size[0]}" for clip in clips)
        raise PairError(
            f"clips of {sizes} pixels",
            "two clips of one size",
            "crop or resize one of them",
        )
    frames = min(len(first), len(second))
    media = store(folder, pair_id, (first.frames[:frames], second.frames[:frames]), first.fps)
    return Pair(
        pair_id,
        *media,
        builder="files",
        kind=kind,
        seed=None,
        parameters=origin,
        frames=frames,
        fps=first.fps,
    )


def _origin(files: list[Path], digests: list[str]) -> dict[str, Any]:
    names = [path.name for path in files]
    return {"files": names, "sha256": digests, "panels": len(files) == 1}


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise PairError(f"no file at {path}", "a video file")
    return path


def _slug(name: str) -> str:
    """Keep what is harmless in a file name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:60].lower() or "pair"
