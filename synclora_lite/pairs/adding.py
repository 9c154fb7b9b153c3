"""Pairs from real files: two clips, or one clip that shows both panels side by side."""

import re
from pathlib import Path

from synclora_lite.errors import PairError
from synclora_lite.files import sha256
from synclora_lite.pairs.folder import alone, store
from synclora_lite.pairs.manifest import Pair, append_pair, manifest_path, read_manifest
from synclora_lite.sync.sides import same_rate
from synclora_lite.video import read_clip, side_by_side


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
        PairError: There is no such file, or the two clips differ in size.

    """
    files, folder = [Path(path) for path in (source, edited) if path is not None], Path(folder)
    for path in files:
        if not path.is_file():
            raise PairError(f"no file at {path}", "a video file")
    digests = [sha256(path) for path in files]
    slug = re.sub(r"[^A-Za-z0-9]+", "-", files[0].stem).strip("-")[:60].lower() or "pair"
    pair_id = f"{slug}-{''.join(digest[:8] for digest in digests)}"
    with alone(folder):
        for pair in read_manifest(folder) if manifest_path(folder).is_file() else []:
            if pair.id == pair_id:
                return pair
        panels = len(files) == 1
        clips = side_by_side(files[0]) if panels else same_rate(*map(read_clip, files))
        first, second = clips
        if first.size != second.size:
            sizes = " and ".join(f"{clip.size[1]}x{clip.size[0]}" for clip in clips)
            advice = "crop or resize one of them"
            raise PairError(f"clips of {sizes} pixels", "two clips of one size", advice)
        frames = min(len(first), len(second))
        pair = Pair(
            pair_id,
            *store(folder, pair_id, (first.frames[:frames], second.frames[:frames]), first.fps),
            builder="files",
            kind=kind,
            seed=None,
            parameters={"files": [p.name for p in files], "sha256": digests, "panels": panels},
            frames=frames,
            fps=first.fps,
        )
        append_pair(folder, pair)
    return pair
