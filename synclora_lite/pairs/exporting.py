"""Folders that trainers read, and back.

`ltx`, the layout of LTX trainers and of the public data set `SagiPolaczek/sync-lora` (532 pairs,
480x480, 81 frames, caption `3d1t`; its folder of targets is called media):
```
metadata.jsonl, metadata.csv    caption, media_path, reference_path, then our own columns
media/ID.mp4                    the edited clip: what training shall make
reference/ID.mp4                the source clip: the in-context reference
```
`diffusers`, the layout of finetrainers and of the `datasets` library's video folders:
```
metadata.jsonl                  file_name, reference_file_name, caption, then our own columns
prompts.txt, videos.txt, reference_videos.txt    one line for each pair
videos/ID.mp4, reference_videos/ID.mp4
```
`ltx-2-trainer`, for the official trainer of LTX-2, with its configuration file:
```
metadata.jsonl       caption, video, reference_video, then our own columns
ltx-2-trainer.yaml   with the commands to run
videos/ID.mp4, references/ID.mp4
```
Reading takes all, and any metadata file with one of the column names below.
"""

import csv
import io
import json
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from synclora_lite.errors import PairError
from synclora_lite.files import atomic_path, sha256, write_atomic
from synclora_lite.pairs.folder import alone
from synclora_lite.pairs.ltx2_trainer import bucket_of, write_trainer_config
from synclora_lite.pairs.manifest import (
    CAPTION,
    Pair,
    append_pair,
    as_utf8,
    check_inside,
    check_intact,
    known_pairs,
    locate,
)
from synclora_lite.video import probe

COLUMNS = {  # of the edited clip, which is the target, and of its reference
    "ltx": ("media_path", "reference_path"),
    "diffusers": ("file_name", "reference_file_name"),
    "ltx-2-trainer": ("video", "reference_video"),
}
FOLDERS = {
    "ltx": ("media", "reference"),
    "diffusers": ("videos", "reference_videos"),
    "ltx-2-trainer": ("videos", "references"),
}
ORIGIN = ("realigned_from", "shift")  # parameters of a pair that was shifted into time
TARGET_NAMES = ("media_path", "video", "file_name", "video_path", "target_video", "media")
REFERENCE_NAMES = ("reference_path", "reference_video", "ref_media_path", "reference_file_name",
                   "reference_video_path", "reference")  # fmt: skip
METADATA = ("metadata.jsonl", "metadata.csv", "metadata.json", "dataset.jsonl", "dataset.json",
            "dataset.csv")  # fmt: skip


def export_pairs(
    folder: str | Path, pairs: Iterable[Pair], out: str | Path, layout: str = "ltx"
) -> Path:
    """Copy pairs into a layout that trainers read; the metadata come last, when all is there.

    Raises:
        PairError: The layout is unknown, or a clip is not the one that was built.

    """
    if layout not in COLUMNS:
        raise PairError(f"the layout {layout!r}", " or ".join(COLUMNS))
    out = Path(out)
    rows = [_export(folder, pair, out, layout) for pair in pairs]
    if layout == "ltx":
        stream = io.StringIO()
        writer = csv.DictWriter(stream, list(rows[0]) if rows else ["caption"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomic(out / "metadata.csv", stream.getvalue())
    elif layout == "ltx-2-trainer":
        if not rows:
            raise PairError("no pairs to train on", "at least one")
        shown = [probe(out / row["video"]) for row in rows]
        buckets = [bucket_of(info.frames, (info.height, info.width)) for info in shown]
        write_trainer_config(out, rows, buckets)
    else:
        target, reference = COLUMNS[layout]
        columns = {"prompts": "caption", "videos": target, "reference_videos": reference}
        for name, column in columns.items():
            lines = (" ".join(row[column].splitlines()) for row in rows)
            write_atomic(out / f"{name}.txt", "".join(f"{line}\n" for line in lines))
    table = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return write_atomic(out / "metadata.jsonl", "".join(table))


def import_pairs(folder: str | Path, data: str | Path) -> list[Pair]:
    """Copy the pairs of an exported or public data set into a folder of pairs.

    Args:
        folder: Made if need be; pairs that are there already are left alone.
        data: A folder with one of the `METADATA` files.

    Raises:
        PairError: There are no metadata, a row is broken, a path leads out of the data set, or an
            id stands for other clips already.

    """
    folder, data = Path(folder), Path(data)
    rows = read_metadata_rows(data)
    with alone(folder):
        known, imported = known_pairs(folder), list[Pair]()
        for number, row in enumerate(rows):
            pair, clips = _described(data, row, number)
            if pair.id not in known:
                for media, path in zip((pair.source, pair.edited), clips, strict=True):
                    _copy(path, folder / media.path)
                append_pair(folder, pair)
                known[pair.id] = pair
            elif not pair.same_clips(known[pair.id]):
                raise PairError(
                    f"row {number + 1}: {folder} has a pair {pair.id} with other clips",
                    "an id for each pair",
                    "give the row an id of its own, or import into another folder",
                )
            imported.append(known[pair.id])
    return imported


def read_metadata_rows(data: Path) -> list[dict[str, Any]]:
    """Read the metadata file of a data set, whichever it has.

    Raises:
        PairError: There is none, or it cannot be understood.

    """
    path = next((data / name for name in METADATA if (data / name).is_file()), None)
    if path is None:
        raise PairError(f"no metadata in {data}", " or ".join(METADATA))
    check_inside(data, path)
    try:
        text = as_utf8(path.read_bytes()).decode()
        rows = _parse(text, path.suffix)
    except (ValueError, RecursionError, csv.Error) as error:
        raise PairError(f"{path} cannot be understood ({error})", f"{path.suffix} text") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PairError(f"{path} is no table", "one row for each pair")
    return rows


def _parse(text: str, suffix: str) -> Any:
    if suffix == ".csv":
        head = text.partition("\n")[0]  # Excel writes semicolons in half of Europe
        mark = ";" if ";" in head and "," not in head else ","
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=mark))
    if suffix == ".jsonl":
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    return json.loads(text)


def _export(folder: str | Path, pair: Pair, out: Path, layout: str) -> dict[str, Any]:
    check_intact(folder, pair)
    row: dict[str, Any] = {"caption": pair.caption}
    shifted = "realigned_from" in pair.parameters
    names = zip(FOLDERS[layout], COLUMNS[layout], (pair.edited, pair.source), strict=True)
    for name, column, media in names:
        row[column] = f"{name}/{pair.id}.mp4"
        _copy(locate(folder, media.path), out / row[column])
    row |= {
        name: getattr(pair, name) for name in ("id", "kind", "builder", "seed", "weight", "verdict")
    }
    return row | {name: pair.parameters.get(name) if shifted else None for name in ORIGIN}


def _origin(row: dict[str, Any]) -> dict[str, Any]:
    """Return of which pair a row is the shifted one, and by how much; CSV has numbers as text."""
    origin, shift = (row.get(name) for name in ORIGIN)
    if isinstance(origin, str) and origin:
        with suppress(ValueError):
            return {"realigned_from": origin, "shift": int(str(shift))}
    return {}


def _copy(source: Path, target: Path) -> None:
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)


def _described(data: Path, row: dict[str, Any], number: int) -> tuple[Pair, tuple[Path, Path]]:
    """Return the pair that a row will be, and where its source and its edited clip lie."""
    target = locate(data / "metadata.jsonl", _column(row, TARGET_NAMES, number))
    reference = locate(data / "metadata.jsonl", _column(row, REFERENCE_NAMES, number))
    pair_id = str(row.get("id") or target.stem).strip()
    info, _ = probe(reference), probe(target)
    seed = str(row.get("seed"))  # CSV has numbers as text
    return Pair.from_row(
        {
            "id": pair_id,
            "files": {
                name: {"path": f"{name}/{pair_id}.mp4", "sha256": sha256(path)}
                for name, path in (("source", reference), ("edited", target))
            },
            "builder": str(row.get("builder") or "imported"),
            "kind": str(row.get("kind") or "unknown"),
            "seed": int(seed) if seed.isdecimal() and len(seed) < 20 else None,
            "parameters": {"imported": True, **_origin(row)},
            "frames": info.frames,
            "fps": info.fps,
            "caption": str(row.get("caption") or CAPTION),
        }
    ), (reference, target)


def _column(row: dict[str, Any], names: tuple[str, ...], number: int) -> str:
    for name in names:
        if isinstance(row.get(name), str) and row[name]:
            return row[name]
    raise PairError(f"row {number + 1} has no {names[0]}", f"one of {', '.join(names)}")
