"""The score on real people: the authors' published pairs and edits, in time and shifted.

    python -m benchmarks.sync_real FOLDER

FOLDER holds clips of the project page of arXiv 2512.03013: paired_video.mp4 (two panels of 480
pixels, a pair that the authors kept) and NAME_concat.mp4 (a source and three edits, panels of 512
pixels). Each edit is scored as it is, 1 to 5 frames early and late, and against another person.
Writes data/results/sync_real.json.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from synclora_course.results import write_result
from synclora_lite.landmarks import Track, track
from synclora_lite.sync import score_tracks
from synclora_lite.video import crop, read_clip

PAIR = ((0, 0, 480, 480), (480, 0, 960, 480))
EDITS = ((0, 0, 512, 512), (538, 0, 1050, 512), (1050, 0, 1562, 512), (1562, 0, 2074, 512))
OFFSETS = range(-5, 6)


def shifted(source: Track, edited: Track) -> dict[str, float]:
    """Return how often a known shift is found, and how often a shifted edit is rejected."""
    inner = np.arange(max(OFFSETS), len(source) - max(OFFSETS))
    reports = {by: score_tracks(source[inner], edited[inner - by]) for by in OFFSETS}
    return {
        "exact": float(np.mean([report.offset.frames == by for by, report in reports.items()])),
        "rejected": float(np.mean([not report.accepted for by, report in reports.items() if by])),
    }


def main() -> None:
    """Track and score everything, and store the metrics."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    people = {
        path.stem.split("_")[0]: [
            track(crop(read_clip(path), box).frames)
            for box in (EDITS if "concat" in path.name else PAIR)
        ]
        for path in sorted(args.folder.glob("*.mp4"))
    }
    pairs: dict[str, Any] = {}
    for name, (source, *edits) in people.items():
        for number, edited in enumerate(edits, start=1):
            report = score_tracks(source, edited)
            pairs[f"{name} {number}"] = {
                "verdict": report.verdict,
                "sync_error": round(report.sync_error, 3),
                "reasons": report.reasons,
                **shifted(source, edited),
            }
    strangers = [
        score_tracks(mine[0], theirs[1]).accepted
        for one, mine in people.items()
        for other, theirs in people.items()
        if one != other
    ]
    values = {
        "pairs": pairs,
        "count": len(pairs),
        "accepted": sum(pair["verdict"] == "accept" for pair in pairs.values()),
        "offsets_exact": float(np.mean([pair["exact"] for pair in pairs.values()])),
        "shifts_rejected": float(np.mean([pair["rejected"] for pair in pairs.values()])),
        "strangers": len(strangers),
        "strangers_accepted": sum(strangers),
    }
    print(values)
    write_result("sync_real", values, command="python -m benchmarks.sync_real FOLDER", seed=0)


if __name__ == "__main__":
    main()
