"""What became of every fault of a long run: a line each, so that a stopped run goes on.

The lines are kept in `runs/robustness/NAME.jsonl` until a run ends without a loss; its sums are
written to `data/results/robustness_NAME.json`. A run that goes on tries again what was lost.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synclora_course.results import write_result
from synclora_lite.files import PROJECT, append_jsonl, read_jsonl, write_atomic

FOLDER = PROJECT / "runs" / "robustness"


class Ledger:
    """The outcomes of one kind of run.

    Args:
        name: Of the run and of its result.
        settings: What decides the cases, such as seed and count; other settings begin afresh.
        folder: Where the lines are kept.

    """

    def __init__(self, name: str, settings: Mapping[str, Any], folder: Path = FOLDER) -> None:
        self.name, self.settings = name, json.loads(json.dumps(dict(settings)))
        self.path = folder / f"{name}.jsonl"
        rows = read_jsonl(self.path)
        if rows and rows[0] != self.settings:
            self.path.unlink()
            rows = []
        if not rows:
            append_jsonl(self.path, self.settings)
        self.rows = [row for row in rows[1:] if not row["fault"]]

    def done(self) -> set[Any]:
        """Return the cases that were tried already."""
        return {row["case"] for row in self.rows}

    def forget(self, kind: str) -> None:
        """Drop the cases of a kind that was not finished."""
        self.rows = [row for row in self.rows if row["kind"] != kind]
        lines = [json.dumps(row) + "\n" for row in (self.settings, *self.rows)]
        write_atomic(self.path, "".join(lines))

    def add(self, case: str | int, kind: str, fault: str = "", **figures: Any) -> None:
        """Keep what became of one case; `fault` is empty if it was survived."""
        row = {"case": case, "kind": kind, "fault": fault, **figures}
        append_jsonl(self.path, row)
        self.rows.append(row)

    @property
    def lost(self) -> list[dict[str, Any]]:
        """The cases that were not survived."""
        return [row for row in self.rows if row["fault"]]

    def values(self) -> dict[str, Any]:
        """Return how many were tried and lost, in all and of each kind."""
        kinds = dict.fromkeys(row["kind"] for row in self.rows)
        return {
            "tried": len(self.rows),
            "survived": len(self.rows) - len(self.lost),
            "lost": len(self.lost),
            "kinds": {
                kind: {
                    "tried": sum(row["kind"] == kind for row in self.rows),
                    "lost": sum(row["kind"] == kind for row in self.lost),
                }
                for kind in kinds
            },
        }

    def finish(self, *, command: str, seed: int, **figures: Any) -> Path:
        """Write the result; if nothing was lost, forget the lines."""
        values = {**self.values(), **figures}
        path = write_result(f"robustness_{self.name}", values, command=command, seed=seed)
        if not self.lost:
            self.path.unlink()
        return path

    def table(self) -> str:
        """Return the counts as lines of text, and every lost case."""
        values = self.values()
        lines = [f"{'':<32}{'tried':>7}{'lost':>6}"]
        entries = {**values["kinds"], "all": values}
        lines += [f"{k:<32}{v['tried']:>7}{v['lost']:>6}" for k, v in entries.items()]
        lines += [f"LOST {row['case']} ({row['kind']}): {row['fault']}" for row in self.lost]
        return "\n".join(lines)
