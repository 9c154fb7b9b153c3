"""How well the synchronization score tells good pairs from known corruptions.

    python -m benchmarks.sync_tracks FOLDER && python -m benchmarks.sync_calibration FOLDER

Writes data/results/sync_calibration.json: for each fault the ROC curve of the sync error (clean
pairs against the same pairs with the fault), how often an offset is found exactly, the verdicts on
exact pairs of two people and on pairs that do not belong together, and
data/results/sync_realign.json: how many rejected pairs a shift saves.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.sync_tracks import FPS, FRAMES, SIZE, SPARE, read
from synclora_course import corruption
from synclora_course.results import write_result
from synclora_lite.landmarks import Track
from synclora_lite.pairs.scoring import scorer_version
from synclora_lite.portraits.edits import HELD_OUT
from synclora_lite.sync import SyncReport, score_tracks
from synclora_lite.sync.score import in_time

OFFSETS = [by for by in range(-5, 6) if by]
SHORT = 17  # frames: the clips of the lite model
STEP = 4  # temporal ratio of the lite autoencoder
STRANGERS = 5  # unrelated edits for every source
Tracks = dict[str, Track]
Reports = dict[str, SyncReport]


def timing(frames: int, sign: int) -> dict[str, np.ndarray]:
    """Return the frame maps of the faults in time."""
    maps = {"clean": corruption.late(frames, 0)}
    maps |= {f"shift {by:+d}": corruption.late(frames, by) for by in OFFSETS}
    return maps | {
        "drift": corruption.drifting(frames, 4 * sign),
        "dropped frames": corruption.dropped(frames, frames // 2, 2),
        "repeated frames": corruption.repeated(frames, frames // 2, 2),
        "other rate": corruption.other_rate(frames, 1.0 + 0.2 * sign),
    }


def versions(case: Tracks, frames: int, sign: int = 1) -> Iterator[tuple[str, Track, Track]]:
    """Name source and edit of a case, clean and with every fault, at a length."""
    first = (FRAMES - frames) // 2
    part = slice(first, first + frames)
    long, source = case["edited, long"], case["source"][part]
    for name, times in timing(frames, sign).items():
        yield name, source, long[np.clip(times + SPARE + first, 0, len(long) - 1)]
    for name in case:
        if name not in ("source", "edited, long"):
            yield name, source, case[name][part]


def measure(case: Tracks, frames: int, sign: int) -> Reports:
    """Score a case, clean and with every fault."""
    return {name: score_tracks(*pair) for name, *pair in versions(case, frames, sign)}


def roc(clean: list[float], faulty: list[float]) -> dict[str, Any]:
    """Return the area under the ROC curve of a sync error and the corners of the curve."""
    good, bad = np.array(clean), np.array(faulty)
    wins = (bad[:, None] > good).mean() + 0.5 * (bad[:, None] == good).mean()
    limits = np.concatenate([[np.inf], np.sort(np.concatenate([good, bad]))[::-1], [-np.inf]])
    points = [(float((good > x).mean()), float((bad > x).mean())) for x in limits]
    curve = corners(sorted(set(points)))
    return {"auc": round(float(wins), 4), "curve": [[round(x, 4) for x in p] for p in curve]}


def corners(curve: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Leave out the points of a staircase that lie within a step."""
    inner = [
        here
        for before, here, after in zip(curve, curve[1:], curve[2:], strict=False)
        if not any(before[axis] == here[axis] == after[axis] for axis in (0, 1))
    ]
    return [curve[0], *inner, curve[-1]]


def curves(reports: list[Reports]) -> dict[str, dict[str, Any]]:
    """Return the ROC curve of every fault; early and late shifts count together."""
    sync_errors = {name: [report[name].sync_error for report in reports] for name in reports[0]}
    groups = {f"shift {size}": [f"shift {sign}{size}" for sign in "+-"] for size in range(1, 6)}
    alone = [name for name in sync_errors if name != "clean" and not name.startswith("shift")]
    groups |= {name: [name] for name in alone}
    return {
        fault: roc(sync_errors["clean"], [m for name in names for m in sync_errors[name]])
        for fault, names in groups.items()
    }


def exact(reports: list[Reports]) -> float:
    """Return how often the known shift is found, over -5..5."""
    hits = [r[f"shift {by:+d}"].offset.frames == by for r in reports for by in OFFSETS]
    return float(np.mean(hits + [r["clean"].offset.frames == 0 for r in reports]))


def blinks_seen(reports: list[Reports]) -> dict[str, Any]:
    """Count the sources in which a blink is seen, and measure the removed blink on these alone."""
    seen = [report for report in reports if report["clean"].blinks.source]
    clean = [report["clean"].sync_error for report in reports]
    removed = [report["blink removed"].sync_error for report in seen]
    return {"pairs": len(seen), "auc": roc(clean, removed)["auc"]}


def verdicts(cases: list[Tracks], frames: int) -> dict[str, float]:
    """Return the shares accepted, of exact pairs of two people and of unrelated clips."""
    sides = [(case["source"][:frames], case["edited"][:frames]) for case in cases]
    strangers = [
        (source, sides[(k + step) % len(sides)][1])
        for k, (source, _) in enumerate(sides)
        for step in range(1, STRANGERS + 1)
    ]
    return {
        "exact": float(np.mean([score_tracks(*pair).accepted for pair in sides])),
        "unrelated": float(np.mean([score_tracks(*pair).accepted for pair in strangers])),
    }


def saved(cases: list[Tracks]) -> dict[str, dict[str, int]]:
    """Count for every fault how many pairs are rejected, and how many of them a shift saves."""
    table: dict[str, dict[str, int]] = {}
    for k, case in enumerate(cases):
        for name, source, edited in versions(case, FRAMES, 1 - k % 2 * 2):
            row = table.setdefault(name, {"pairs": 0, "rejected": 0, "saved": 0})
            before = score_tracks(source, edited)
            row["pairs"] += 1
            row["rejected"] += not before.accepted
            if not before.accepted:
                _, mine, theirs = in_time(before, len(source), len(edited), STEP)
                row["saved"] += score_tracks(source[mine], edited[theirs]).accepted
    return table


def summary(pairs: list[Tracks], puppets: list[Tracks], plain: list[Tracks]) -> dict[str, Any]:
    """Put everything into the metrics that the book quotes."""
    reports = [measure(case, FRAMES, 1 - k % 2 * 2) for k, case in enumerate(pairs)]
    short = [measure(case, SHORT, 1 - k % 2 * 2) for k, case in enumerate(pairs)]
    puppet = [measure(case, FRAMES, 1) for case in puppets]
    found, found_short = curves(reports), curves(short)
    return {
        "pairs": len(reports),
        "frames": FRAMES,
        "fps": FPS,
        "size": SIZE,
        "scorer": scorer_version(),
        "auc": {name: curve["auc"] for name, curve in found.items()},
        "rejected": {
            name: float(np.mean([not report[name].accepted for report in reports]))
            for name in reports[0]
        },
        "auc_short": {name: curve["auc"] for name, curve in found_short.items()},
        "short_frames": SHORT,
        "blinks_seen": blinks_seen(reports),
        "blinks_seen_short": blinks_seen(short),
        "offsets_exact": {
            "rendered": exact(reports),
            "rendered_short": exact(short),
            "puppets": exact(puppet),
        },
        "puppet_clips": len(puppet),
        "verdict_pairs": len(plain),
        "unrelated_pairs": len(plain) * STRANGERS,
        "accepted": verdicts(plain, FRAMES),
        "accepted_short": verdicts(plain, SHORT),
        "roc": {name: curve["curve"] for name, curve in found.items()},
        "roc_short": {name: curve["curve"] for name, curve in found_short.items()},
        "sync_error": {
            name: [round(min(report[name].sync_error, 99.0), 3) for report in reports]
            for name in reports[0]
        },
    }


def main() -> None:
    """Score everything and store the metrics."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dry", action="store_true", help="print, write nothing")
    args = parser.parse_args()
    kinds = {
        kind: [read(place) for place in sorted(args.folder.glob(f"{kind}-*"))]
        for kind in ("pair", "puppet", "plain")
    }
    values = summary(kinds["pair"], kinds["puppet"], kinds["plain"])
    rows = saved(kinds["pair"])
    print({name: value for name, value in values.items() if name not in ("roc", "sync_error")})
    print(rows)
    if not args.dry:
        command = (
            f"python -m benchmarks.sync_tracks FOLDER --pairs {len(kinds['pair'])} "
            f"--puppets {len(kinds['puppet']) // 2} --clips {len(kinds['plain'])} && "
            "python -m benchmarks.sync_calibration FOLDER"
        )
        write_result("sync_calibration", values, command=command, seed=HELD_OUT)
        table = {"frames": FRAMES, "step": STEP, "faults": rows}
        write_result("sync_realign", table, command=command, seed=HELD_OUT)


if __name__ == "__main__":
    main()
