"""Pairs from real files: two clips, or one clip that shows both panels side by side."""

import re
from pathlib import Path

from synclora_lite.errors import PairError
from synclora_lite.files import sha256
from synclora_lite.pairs.folder import alone, store
from synclora_lite.pairs.manifest import Pair, append_pair, known_pairs
from synclora_lite.sync.sides import same_rate
from synclora_lite.video import read_clip, side_by_side


def add_files(
    folder: str | Path, source: str | Path, edited: str | Path | None = None, *, kind: str = "real"
) -> Pair:
    """Add one pair, written again with one frame rate and length; never twice.

    Without `edited`, the source is a clip of two panels, the left one the source; `kind` says in
    words what was edited.
    """
    files, folder = [Path(path) for path in (source, edited) if path is not None], Path(folder)
    for path in files:
        if not path.is_file():
            raise PairError(f"no file at {path}", "a video file")
    digests = [sha256(path) for path in files]
    slug = re.sub(r"[^A-Za-z0-9]+", "-", files[0].stem).strip("-")[:60].lower() or "pair"
    pair_id = f"{slug}-{''.join(digest[:8] for digest in digests)}"
    with alone(folder):
        if (known := known_pairs(folder).get(pair_id)) is not None:
            return known
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
