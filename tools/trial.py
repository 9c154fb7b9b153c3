"""Runs the notebooks that students get, from top to bottom, and records where they stop.

``python -m tools.trial`` runs the student and the solution notebook of every chapter as papermill
does, except that it goes on after an error. A solution may have none, a student's may only say
`NotImplementedError`. This takes minutes of two cores, so it is not part of the tests: the outcome
is kept in data/results/notebooks-trial.json.
"""

import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from synclora_course.notebook import CHAPTERS, notebook_name
from synclora_course.results import write_result
from tools.notebooks import CELL_SECONDS, MASTERS, WORKERS

STOP = "NotImplementedError"


def errors_of(notebook: Path) -> list[tuple[str, str]]:
    """Run every cell of a notebook in an empty folder; return (name, message) of each error."""
    content = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            content,
            timeout=CELL_SECONDS,
            allow_errors=True,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
        )
        client.execute()
    return [
        (output["ename"], output["evalue"])
        for cell in content.cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "error"
    ]


def trial(chapter: str) -> dict[str, Any]:
    """Run both notebooks of a chapter and count what stopped them."""
    name = f"{notebook_name(chapter)}.ipynb"
    stops = errors_of(MASTERS / "student" / name)
    faults = errors_of(MASTERS / "solutions" / name)
    row = {
        "student": dict(Counter(error for error, _ in stops)),
        "first": f"{stops[0][0]}: {stops[0][1]}" if stops else "",
        "solutions": dict(Counter(error for error, _ in faults)),
    }
    print(f"{chapter}: {row}", flush=True)
    return row


def main() -> None:
    """Run the chapters named on the command line, or all; fail if one stops where it must not."""
    chapters = sys.argv[1:] or list(CHAPTERS)
    with ThreadPoolExecutor(WORKERS) as pool:
        rows = dict(zip(chapters, pool.map(trial, chapters), strict=True))
    if chapters == list(CHAPTERS):
        write_result("notebooks-trial", rows, command="python -m tools.trial", seed=0)
    bad = [chapter for chapter, row in rows.items() if row["solutions"] or _other(row["student"])]
    if bad:
        sys.exit(f"Error: chapters {', '.join(bad)} stop at something else than {STOP}")


def _other(stops: dict[str, int]) -> set[str]:
    """Return the kinds of errors that a student's notebook must not show."""
    return set(stops) - {STOP}


if __name__ == "__main__":
    main()
