"""Thirty submissions: each holds one planted wrong answer, and its first hint is the right one."""

import json
import re
from random import Random

import pytest

from benchmarks.grading import SLIPS, Slip, first_hint, run, submission
from synclora_course.errors import CourseError
from synclora_course.generate import as_text
from synclora_course.results import read_result
from synclora_course.review import progress


def test_thirty_submissions_of_four_chapters_are_all_different():
    made = [as_text(submission(slip, Random(k))[0]) for k, slip in enumerate(SLIPS)]
    assert len(set(made)) == len(SLIPS) == 30
    assert {slip.exercise[0] for slip in SLIPS} == {"4", "5", "6", "7"}


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: f"{slip.exercise} {slip.hint}")
def test_a_planted_slip_gets_its_hint_and_the_rest_is_told_as_it_is(slip, tmp_path):
    notebook, states = submission(slip, Random(slip.hint))
    assert sorted(states.values()) == ["not yet"] + ["solved"] * (len(states) - 2) + ["to do"]
    path = tmp_path / "mine.ipynb"
    path.write_text(as_text(notebook))
    rows = {row.identifier: row for row in progress(path)}
    assert {name: row.state for name, row in rows.items()} == states
    assert re.search(slip.hint, first_hint(rows[slip.exercise].note))


def test_a_run_grades_in_processes_of_their_own_and_counts_and_times():
    found = run(seed=3, slips=[SLIPS[0], Slip("7.3", "without + scale", "scale", "no such hint")])
    assert found["submissions"] == found["states_right"] == 2
    assert found["hints_right"] == 1
    assert found["seconds"] > 0
    assert found["processor_seconds"] > 0
    json.dumps(found)


def test_a_slip_that_the_solutions_have_outgrown_is_refused():
    with pytest.raises(CourseError, match="holds no"):
        submission(Slip("4.1", "no such code", "x", "x"), Random(0))


def test_the_run_on_record_found_every_slip_that_is_planted_today():
    values = read_result("grading")["values"]
    assert values["submissions"] == values["hints_right"] == len(SLIPS)
    assert [row["exercise"] for row in values["rows"]] == [slip.exercise for slip in SLIPS]
