"""Thirty submissions, each with one planted wrong answer, graded as `synclora course check` does.

    python -m benchmarks.grading            # prints what each is told, and the time
    python -m benchmarks.grading --record   # and writes data/results/grading.json

A submission is the student notebook of chapter 4, 5, 6 or 7. One exercise holds a slip from the
table below, another is left empty, the rest are solved. Grading must find each as it is, and the
first hint must be the one for that slip.
"""

import argparse
import re
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from synclora_course.errors import CourseError
from synclora_course.generate import as_text, student, unmarked_source
from synclora_course.grading import Limits, grade
from synclora_course.masters import Notebook, exercises, read_notebook, tags, with_source
from synclora_course.notebook import notebook_name
from synclora_course.results import write_result
from synclora_lite.errors import in_one_line
from synclora_lite.files import PROJECT


@dataclass(frozen=True)
class Slip:
    """A wrong answer: what a student wrote in place of what, and the hint that fits."""

    exercise: str
    right: str
    wrong: str
    hint: str


SLIPS = [
    Slip("4.1", "(1 - s) * x0 + s * noise", "s * x0 + (1 - s) * noise", "exchanged"),
    Slip("4.1", "noise - x0", "x0 - noise", "sign"),
    Slip("4.2", "(sigmas[k + 1] - sigmas[k])", "(sigmas[k] - sigmas[k + 1])", "the wrong way"),
    Slip("4.2", "velocity(x, sigmas[k])", "velocity(x, sigmas[k + 1])", "where you are"),
    Slip("4.2", "range(len(sigmas) - 1)", "range(len(sigmas) - 2)", "last step"),
    Slip("4.3", " + 1 - temporal_ratio", "", "uniform"),
    Slip("4.3", "stack(grid)", "stack([grid[0], grid[2], grid[1]])", "exchanged"),
    Slip("4.4", "- odd * sin, even * sin +", "+ odd * sin, -even * sin +", "sign"),
    Slip("4.5", "sigmas[:, : height * width] = 0", "pass", "given"),
    Slip("4.5", "sigmas[:, : height * width]", "sigmas[:, 0]", "not one"),
    Slip("4.6", "(1 + scale_", "(scale_", "added to 1"),
    Slip("4.7", "sigmas > 0", "sigmas >= 0", "clean tokens"),
    Slip("4.7", "(noise - x0)", "(x0 - noise)", "noise minus data"),
    Slip("4.8", "v[:, :given] = 0", "pass", "has moved"),
    Slip("5.1", "model.requires_grad_(False)", "pass", "besides the factors"),
    Slip("5.1", 'f".{ending}"', "ending", "exchanged too"),
    Slip("5.2", "torch.zeros(clean.shape[:2])", "sigmas", "the target's noise levels"),
    Slip("5.2", "[clean, tokens]", "[tokens, clean]", "the reference comes first"),
    Slip("5.3", "k[:, :, :r], v[:, :, :r]", "k, v", "full attention"),
    Slip("5.4", "velocity[:, n:]", "velocity", "still there"),
    Slip("5.4", "caption, places, n)", "caption, places)", "attends to the target"),
    Slip("6.1", "torch.sigmoid(mu + normal)", "torch.sigmoid(normal) + mu", "before the sigmoid"),
    Slip("6.2", "x[:, :given] = pack(clips)[:, :given]", "pass", "first frame is noised"),
    Slip("6.2", "optimizer.zero_grad()", "pass", "old gradient"),
    Slip("6.3", "seed + 1000003 * epoch", "seed", "number of the pass"),
    Slip("6.4", " + activations", "", "forget the activations"),
    Slip("6.5", ".clone()", "", "hand out copies"),
    Slip("7.1", "+ flow[", "- flow[", "do not subtract"),
    Slip("7.2", "predict_edit(edit + noisy - source", "predict_edit(edit", "is not noisy"),
    Slip("7.3", "without + scale", "with_reference + scale", r"start from .*\*without\*"),
]


PATIENT = Limits(seconds=900, start=900)  # what is measured are hints, also on a busy machine


def submission(slip: Slip, random: Random) -> tuple[Notebook, dict[str, str]]:
    """Make the notebook of a student who makes one slip and leaves one other exercise empty.

    Returns:
        The notebook, and the state of each exercise as grading should find it.

    """
    path = PROJECT / "notebooks" / f"{notebook_name(slip.exercise[0].zfill(2))}.ipynb"
    master = read_notebook(path)
    right = {e.identifier: unmarked_source(e.solution) for e in exercises(master) if e.solution}
    if slip.right not in right[slip.exercise]:
        raise CourseError(
            f"the solution of {slip.exercise} holds no {slip.right!r}",
            "slips of the present solutions",
            "mend the table of slips",
        )
    states = dict.fromkeys(right, "solved") | {slip.exercise: "not yet"}
    empty = random.choice([name for name in right if name != slip.exercise])
    states[empty] = "to do"
    answers = right | {slip.exercise: right[slip.exercise].replace(slip.right, slip.wrong)}
    del answers[empty]
    handed_in = student(master, path.name)
    for k, cell in enumerate(handed_in["cells"]):
        if "solution" in tags(cell) and (name := cell["metadata"]["exercise"]["id"]) in answers:
            handed_in["cells"][k] = with_source(cell, answers[name])
    return handed_in, states


def first_hint(note: str) -> str:
    """Return what a failed check tells first: its hint or, where it has none, what is wrong."""
    hint = re.search(r"^Hint: (.*)$", note, re.MULTILINE)
    return hint[1] if hint else note.split("\n", maxsplit=1)[0]


def run(seed: int, slips: Sequence[Slip] = SLIPS) -> dict[str, Any]:
    """Grade a submission for each slip; return what each was told, and how long it took."""
    rows, started, spent = [], time.perf_counter(), _processor_seconds()
    with tempfile.TemporaryDirectory(prefix="synclora-submissions-") as folder:
        for k, slip in enumerate(slips):
            notebook, states = submission(slip, Random(f"submission {seed} {k}"))
            path = Path(folder) / f"{k + 1:02d}.ipynb"
            path.write_text(as_text(notebook), encoding="utf-8")
            found = {row.identifier: row for row in grade(path, PATIENT)}
            told = first_hint(found[slip.exercise].note)
            otherwise = {n: r.note for n, r in found.items() if r.state != states[n]}
            row = {
                "exercise": slip.exercise,
                "told": told,
                "hint_right": re.search(slip.hint, told) is not None,
                "otherwise": otherwise,
            }
            print(
                f"{path.stem}  {slip.exercise}  {'right' if row['hint_right'] else 'WRONG'}  {told}"
            )
            rows.append(row)
    return {
        "submissions": len(rows),
        "hints_right": sum(row["hint_right"] for row in rows),
        "states_right": sum(not row["otherwise"] for row in rows),
        "seconds": round(time.perf_counter() - started, 1),
        "processor_seconds": round(_processor_seconds() - spent, 1),
        "rows": rows,
    }


def _processor_seconds() -> float:
    """Processor time of the graders that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Grade the thirty, print what was found, and record it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--seed", type=int, default=0, help="chooses what is left empty")
    parser.add_argument("--record", action="store_true", help="write data/results/grading.json")
    options = parser.parse_args()
    found = run(options.seed)
    print(
        f"{found['submissions']} submissions: {found['hints_right']} with the right first hint, "
        f"{found['states_right']} with every exercise told as it is, in {found['seconds']:.0f} s"
    )
    if options.record:
        command = f"python -m benchmarks.grading --seed {options.seed} --record"
        write_result("grading", found, command=command, seed=options.seed)


if __name__ == "__main__":
    in_one_line(main)
