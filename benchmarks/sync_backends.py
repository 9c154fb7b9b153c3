r"""Do both generations of MediaPipe see the same movements, and give the same verdicts?

    python -m benchmarks.sync_tracks FIRST --pairs 6 --puppets 1 --clips 0
    OTHER/bin/python -m benchmarks.sync_tracks SECOND --pairs 6 --puppets 1 --clips 0 \
        --backend tasks --bundle face_landmarker.task
    python -m benchmarks.sync_backends FIRST SECOND

OTHER is a second virtual environment with mediapipe 1.x, and so NumPy 2. The face alone is
compared: the second generation's bundle has no body. Writes data/results/sync_backends.json.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sync_calibration import versions
from sync_tracks import FRAMES, SIZE, read

from synclora_lite.files import write_result
from synclora_lite.landmarks import Track
from synclora_lite.portraits.edits import HELD_OUT
from synclora_lite.sync import CUES, cue_traces, pearson, score_tracks, smooth
from synclora_lite.sync.thresholds import LIMITS

Tracks = dict[str, Track]


def faces(case: Tracks) -> Tracks:
    """Forget the bodies."""
    return {
        name: replace(found, pose=np.full_like(found.pose, np.nan)) for name, found in case.items()
    }


def agreement(first: Track, second: Track) -> dict[str, float]:
    """Return Pearson's r of every cue that moves, between the two trackers on one clip."""
    mine, theirs = cue_traces(first), cue_traces(second)
    found = {}
    for cue in CUES:
        pair = [smooth(traces[cue], LIMITS[cue].smoothing) for traces in (mine, theirs)]
        if not np.isnan(pair[0]).all() and np.nanstd(pair[0]) >= LIMITS[cue].floor:
            found[cue] = pearson(pair[0], pair[1])
    return found


def verdicts(case: Tracks) -> dict[str, bool]:
    """Return which versions of a case are accepted."""
    return {name: score_tracks(*pair).accepted for name, *pair in versions(case, FRAMES)}


def compare(first: list[Tracks], second: list[Tracks]) -> dict[str, Any]:
    """Compare all clips of all cases."""
    cues: dict[str, list[float]] = {cue: [] for cue in CUES}
    same = []
    for mine, theirs in zip(map(faces, first), map(faces, second), strict=True):
        for name in ("source", "edited, long"):
            for cue, r in agreement(mine[name], theirs[name]).items():
                cues[cue].append(r)
        others = verdicts(theirs)
        same += [accepted == others[name] for name, accepted in verdicts(mine).items()]
    return {
        "backends": [cases[0]["source"].backend for cases in (first, second)],
        "clips": 2 * len(first),
        "frames": FRAMES,
        "size": SIZE,
        "r_median": {cue: round(float(np.median(rs)), 4) for cue, rs in cues.items() if rs},
        "r_least": {cue: round(float(np.min(rs)), 4) for cue, rs in cues.items() if rs},
        "verdicts": len(same),
        "same_verdict": float(np.mean(same)),
    }


def main() -> None:
    """Compare two folders and store the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    args = parser.parse_args()
    places = sorted(place for place in args.second.iterdir() if (args.first / place.name).exists())
    rendered, puppets = (
        compare([read(args.first / p.name) for p in chosen], [read(p) for p in chosen])
        for chosen in (
            [p for p in places if p.name.startswith("pair")],
            [p for p in places if p.name.startswith("puppet")],
        )
    )
    values = {"rendered": rendered, "puppets": puppets}
    print(values)
    command = "python -m benchmarks.sync_backends FIRST SECOND"
    write_result("sync_backends", values, command=command, seed=HELD_OUT)


if __name__ == "__main__":
    main()
