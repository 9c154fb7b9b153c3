"""Settings that suit each method best: ``python -m benchmarks.tuning``.

Every method with settings of its own gets those that do best on validation clips, judged by the
mean of synchronization and edit kept. Those clips come from a seed that no exam uses, and are set
under two conditions: what flatters a first frame that is exact to the pixel may spoil one whose
head has moved a little. The settings go into `tuned.json` beside the weights, the whole search
into data/results.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from synclora_course.exam.running import Exam, run_exam
from synclora_course.results import read_result, write_result
from synclora_lite.editing import METHODS
from synclora_lite.editing.settings import TUNED
from synclora_lite.errors import ArtifactError, ConfigError, in_one_line
from synclora_lite.files import data_dir, write_json
from tools.lock import record

CONDITIONS = ("exact", "moved")
RESULT = "tuning"
SEED = 77  # of the validation clips; exams use small seeds
Settings = dict[str, float]  # options of a method
GRID: dict[str, list[Settings]] = {
    "sdedit": [{"strength": level} for level in (0.2, 0.4, 0.6, 0.8)],
    "flowedit": [{"strength": level} for level in (0.65, 0.8, 0.95, 1.0)],
    "kv-inject": [{"inject": share} for share in (0.0, 0.5, 1.0)],
}


def score(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Average synchronization and edit kept, and their mean: what is maximised."""
    sync = float(np.mean([row["sync"] or 0.0 for row in rows]))
    kept = float(np.mean([row["edit_kept"] or 0.0 for row in rows]))
    return {
        "sync": round(sync, 4),
        "edit_kept": round(kept, 4),
        "mean": round((sync + kept) / 2, 4),
    }


def tune(method: str, clips: int, exam: Exam, folder: Path) -> list[dict[str, Any]]:
    """Try every setting of a method; clips already judged are not edited again."""
    found = []
    for settings in GRID[method]:
        tried, rows = replace(METHODS[method], **settings), {}
        for condition in CONDITIONS:
            trial = replace(exam, method=tried, condition=condition)
            rows[condition] = run_exam(trial, clips, folder=folder, progress=True)
        by_condition = {condition: score(judged) for condition, judged in rows.items()}
        every = [row for judged in rows.values() for row in judged]
        found.append({"settings": settings, **score(every), "conditions": by_condition})
    return found


def best(found: list[dict[str, Any]]) -> Settings:
    """Return the settings with the highest mean."""
    return dict(max(found, key=lambda row: row["mean"])["settings"])


def _recorded() -> dict[str, list[dict[str, Any]]]:
    """Return what was found before, of all methods, for options that there still are."""
    try:
        search = read_result(RESULT)["values"]["search"]
    except ArtifactError as error:
        raise ConfigError(
            "no recorded search", f"data/results/{RESULT}.json", "run it without --only first"
        ) from error
    known = {
        method: [row for row in rows if row["settings"].keys() <= METHODS[method].options.keys()]
        for method, rows in search.items()
    }
    return {method: rows for method, rows in known.items() if rows}


def main() -> None:
    """Tune all methods and keep what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=18)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--folder", type=Path, default=Path("runs/tuning"))
    parser.add_argument("--only", choices=GRID, help="this method; the others stay as known")
    wanted = parser.parse_args()
    exam = Exam("sync-lora", seed=SEED, options={"steps": wanted.steps})
    known = _recorded() if wanted.only else {}
    methods = [wanted.only] if wanted.only else list(GRID)
    found = {method: tune(method, wanted.clips, exam, wanted.folder) for method in methods}
    search = known | found
    tuned = {method: best(found) for method, found in search.items()}
    kept = write_json(data_dir() / "models" / "lite" / TUNED, tuned)
    command = f"python -m benchmarks.tuning --clips {wanted.clips} --steps {wanted.steps}"
    command += f" --only {wanted.only}" if wanted.only else ""
    record([kept], command=command)
    write_result(RESULT, {"search": search, "kept": tuned}, command=command, seed=SEED)


if __name__ == "__main__":
    in_one_line(main)
