"""Where the reference stands, after long trainings: on top of the target, or beside it.

    python -m benchmarks.reference_place --record

"on top" is the shipped adapter, "beside" one trained by configs/adapter-beside.toml, and "base
alone" has the reference, but no adapter. All take the same exam; the others are compared with the
shipped one, clip by clip.
Writes data/results/reference_place.json.
"""

import argparse
from pathlib import Path
from typing import Any

from benchmarks.ablations import COMPARED
from synclora_lite.evaluation import Exam, run_exam
from synclora_lite.evaluation.intervals import compared, summarize
from synclora_lite.files import data_dir, write_result

SHIPPED = "on top"


def metrics_of(rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Summarize every adapter's rows; `against` is its mean minus the shipped one's, paired."""
    return {
        name: summarize(mine) | {"against": compared(mine, rows[SHIPPED], COMPARED)}
        for name, mine in rows.items()
    }


def main() -> None:
    """Examine the three; print, and with --record store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beside", type=Path, default=Path("runs/adapter-beside/final"))
    parser.add_argument("--clips", type=int, default=18)
    parser.add_argument("--folder", type=Path, default=Path("runs/reference-place"))
    parser.add_argument("--record", action="store_true")
    args = parser.parse_args()
    usual = {"model": "lite", "steps": 20}
    shipped, beside = str(data_dir() / "models" / "lite-adapter"), str(args.beside)
    exams = {
        SHIPPED: Exam("sync-lora", options=usual | {"adapter": shipped}),
        "beside": Exam("sync-lora", options=usual | {"adapter": beside}),
        "base alone": Exam("base-reference", options=usual),
    }
    rows = {
        name: run_exam(exam, args.clips, folder=args.folder, progress=True)
        for name, exam in exams.items()
    }
    values = metrics_of(rows)
    for name, found in values.items():
        means = {metric: round(found["all"][metric]["mean"], 3) for metric in COMPARED}
        print(name, means, {m: d["mean"] for m, d in found["against"].items()})
    if args.record:
        command = f"python -m benchmarks.reference_place --clips {args.clips} --record"
        write_result("reference_place", values, command=command, seed=0)


if __name__ == "__main__":
    main()
