"""Folders that trainers read, and back.

`metadata.jsonl` has a row for each pair: caption, target (the edited clip, which training shall
make), reference (the source clip), then our own columns; `LAYOUTS` names folders and columns.

- `ltx`: of LTX trainers and the public data set `SagiPolaczek/sync-lora` (532 pairs, 480x480, 81
  frames, caption `3d1t`); with `metadata.csv` as well.
- `diffusers`: of finetrainers and the `datasets` library's video folders; with `prompts.txt`,
  `videos.txt` and `reference_videos.txt`, one line for each pair.
- `ltx-2-trainer`: of the official trainer of LTX-2; with its configuration, which says what to run.
"""

import csv
import io
import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from synclora_lite.errors import PairError
from synclora_lite.files import as_utf8, copy_atomic, sha256, write_atomic
from synclora_lite.pairs import manifest
from synclora_lite.pairs.folder import alone
from synclora_lite.pairs.ltx2_trainer import write_trainer_config
from synclora_lite.pairs.manifest import Pair
from synclora_lite.video import probe

LAYOUTS = {  # folder and column of the edited clip, which is the target, and of its reference
    "ltx": (("media", "media_path"), ("reference", "reference_path")),
    "diffusers": (("videos", "file_name"), ("reference_videos", "reference_file_name")),
    "ltx-2-trainer": (("videos", "video"), ("references", "reference_video")),
}
OWN = ("id", "kind", "builder", "seed", "weight", "verdict")  # columns
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

    Raises PairError if the layout is unknown, or a clip is not the one that was built.
    """
    if layout not in LAYOUTS:
        raise PairError(f"the layout {layout!r}", " or ".join(LAYOUTS))
    out, rows = Path(out), list[dict[str, Any]]()
    for pair in pairs:
        manifest.check_intact(folder, pair)
        row: dict[str, Any] = {"caption": pair.caption}
        for (name, column), media in zip(LAYOUTS[layout], (pair.edited, pair.source), strict=True):
            row[column] = f"{name}/{pair.id}.mp4"
            copy_atomic(manifest.locate(folder, media.path), out / row[column])
        shifted = pair.parameters if "realigned_from" in pair.parameters else {}
        row |= {name: getattr(pair, name) for name in OWN}
        rows.append(row | {name: shifted.get(name) for name in ORIGIN})
    if layout == "ltx":
        stream = io.StringIO()
        writer = csv.DictWriter(stream, list(rows[0]) if rows else ["caption"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomic(out / "metadata.csv", stream.getvalue())
    elif layout == "ltx-2-trainer":
        write_trainer_config(out, rows)
    else:
        for name, column in (("prompts", "caption"), *LAYOUTS[layout]):
            lines = (" ".join(row[column].splitlines()) + "\n" for row in rows)
            write_atomic(out / f"{name}.txt", "".join(lines))
    table = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return write_atomic(out / "metadata.jsonl", "".join(table))


def import_pairs(folder: str | Path, data: str | Path) -> list[Pair]:
    """Copy the pairs of an exported or public data set, with one of `METADATA`, into a folder.

    Pairs that are there already are left alone. Raises PairError if there are no metadata, a row is
    broken, a path leads out of the data set, or an id stands for other clips already.
    """
    folder, data = Path(folder), Path(data)
    rows = read_metadata_rows(data)
    with alone(folder):
        known, imported = manifest.known_pairs(folder), list[Pair]()
        for number, row in enumerate(rows, start=1):
            pair, clips = _described(data, row, number)
            if pair.id not in known:
                for media, path in zip((pair.source, pair.edited), clips, strict=True):
                    copy_atomic(path, folder / media.path)
                manifest.append_pair(folder, pair)
                known[pair.id] = pair
            elif not pair.same_clips(known[pair.id]):
                what = f"row {number}: {folder} has a pair {pair.id} with other clips"
                advice = "give the row an id of its own, or import into another folder"
                raise PairError(what, "an id for each pair", advice)
            imported.append(known[pair.id])
    return imported


def read_metadata_rows(data: Path) -> list[dict[str, Any]]:
    """Read the metadata file of a data set, whichever it has; PairError if that is impossible."""
    path = next((data / name for name in METADATA if (data / name).is_file()), None)
    if path is None:
        raise PairError(f"no metadata in {data}", " or ".join(METADATA))
    manifest.check_inside(data, path)
    try:
        text = as_utf8(path.read_bytes()).decode()
        if path.suffix == ".csv":
            head = text.partition("\n")[0]  # Excel writes semicolons in half of Europe
            mark = ";" if ";" in head and "," not in head else ","
            rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=mark))
        elif path.suffix == ".jsonl":
            rows = [json.loads(line) for line in text.split("\n") if line.strip()]
        else:
            rows = json.loads(text)
    except (ValueError, RecursionError, csv.Error) as error:
        raise PairError(f"{path} cannot be understood ({error})", f"{path.suffix} text") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PairError(f"{path} is no table", "one row for each pair")
    return rows


def _described(data: Path, row: dict[str, Any], number: int) -> tuple[Pair, tuple[Path, Path]]:
    """Return the pair that a row will be, and where its source and its edited clip lie."""
    target, reference = (
        manifest.locate(data / "metadata.jsonl", _column(row, names, number))
        for names in (TARGET_NAMES, REFERENCE_NAMES)
    )
    pair_id = str(row.get("id") or target.stem).strip()
    info, _ = probe(reference), probe(target)
    seed = str(row.get("seed"))  # CSV has numbers as text
    parameters: dict[str, Any] = {"imported": True}
    origin, shift = (row.get(name) for name in ORIGIN)
    if isinstance(origin, str) and origin:
        with suppress(ValueError):
            parameters |= {"realigned_from": origin, "shift": int(str(shift))}
    described = {
        "id": pair_id,
        "source": {"path": f"source/{pair_id}.mp4", "sha256": sha256(reference)},
        "edited": {"path": f"edited/{pair_id}.mp4", "sha256": sha256(target)},
        "builder": str(row.get("builder") or "imported"),
        "kind": str(row.get("kind") or "unknown"),
        "seed": int(seed) if seed.isdecimal() and len(seed) < 20 else None,
        "parameters": parameters,
        "frames": info.frames,
        "fps": info.fps,
        "caption": str(row.get("caption") or manifest.CAPTION),
    }
    return Pair.from_row(described), (reference, target)


def _column(row: dict[str, Any], names: tuple[str, ...], number: int) -> str:
    for name in names:
        if isinstance(row.get(name), str) and row[name]:
            return row[name]
    raise PairError(f"row {number} has no {names[0]}", f"one of {', '.join(names)}")
