"""The instructor's bundle: drawn from a seed, complete, gradable, and never in a public page."""

import json
import subprocess
import sys

import pytest

from synclora_course.errors import CourseError
from synclora_course.generate import as_text
from synclora_course.instructor import (
    CANARY,
    FAMILIES,
    assignment,
    guides,
    known_mistakes,
    variant,
    write_bundle,
)
from synclora_course.masters import exercises, master_paths, read_notebook, source
from synclora_course.notebook import CHAPTERS
from synclora_course.questions import hidden_test, public_test
from tools.notebooks import ROOT

MASTERS = {path.name[:2]: path for path in master_paths()}


def run_test(text, function):
    """Run a test of a question on a function."""
    names = {}
    exec(text, names)
    next(value for name, value in names.items() if name.startswith("test_"))(function)


def solved(question):
    names = {}
    exec("import numpy as np\n" + question.solution, names)
    return names[question.function]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_variant_is_solved_by_its_solution_and_by_nothing_trivial(chapter):
    for seed in range(12):
        question = variant(chapter, seed)
        for text in (public_test(question), hidden_test(question, seed)):
            run_test(text, solved(question))
            with pytest.raises(AssertionError):
                run_test(text, lambda *arguments: float("nan"))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_another_seed_gives_another_question(chapter):
    statements = {variant(chapter, seed).statement for seed in range(12)}
    assert len(statements) >= 3
    assert variant(chapter, 3) == variant(chapter, 3)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_solution_of_one_variant_fails_another(chapter):
    questions = {q.statement: q for q in (variant(chapter, seed) for seed in range(12))}
    first, *others = questions.values()
    failures = 0
    for other in others:
        try:
            run_test(hidden_test(other, 1), solved(first))
        except (AssertionError, TypeError, ValueError):
            failures += 1
    assert failures >= 1


def test_every_chapter_has_a_guide_and_a_family():
    assert list(guides()) == list(CHAPTERS) == list(FAMILIES)
    for about in guides().values():
        assert about["goal"]
        assert about["question"]
        assert min(len(about[name]) for name in ("talk", "watch", "rubric")) >= 2


def test_an_assignment_hides_its_solutions_between_otters_marks():
    master = read_notebook(MASTERS["05"])
    text = "\n".join(source(cell) for cell in assignment("05", master, 1)["cells"])
    for mark in ("SOLUTION", "TESTS", "QUESTION"):
        assert text.count(f"# BEGIN {mark}") >= text.count(f"# END {mark}") > 0
    assert text.count("# BEGIN SOLUTION NO PROMPT") == text.count("# BEGIN PROMPT") == 3


def test_a_bundle_has_all_parts_and_the_canary_in_every_file(tmp_path):
    files = write_bundle(tmp_path / "bundle", seed=4)
    assert len(files) == 3 * len(CHAPTERS) + 1
    assert all(CANARY in file.read_text() for file in files)


def test_a_bundle_is_the_same_for_the_same_seed(tmp_path):
    first = write_bundle(tmp_path / "a", seed=4, chapters=["03", "08"])
    second = write_bundle(tmp_path / "b", seed=4, chapters=["03", "08"])
    other = write_bundle(tmp_path / "c", seed=5, chapters=["03", "08"])
    texts = [[file.read_text() for file in files] for files in (first, second, other)]
    assert texts[0] == texts[1] != texts[2]


def test_a_bundle_overwrites_nothing(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(CourseError, match="not empty"):
        write_bundle(tmp_path, seed=0)
    with pytest.raises(CourseError, match="no chapter 42"):
        write_bundle(tmp_path / "new", seed=0, chapters=["42"])


def test_the_guide_knows_the_mistakes_that_a_check_names():
    exercise = next(e for e in exercises(read_notebook(MASTERS["05"])) if e.identifier == "5.2")
    assert any("target's noise levels" in hint for hint in known_mistakes(exercise.check, "05"))


@pytest.mark.timeout(900)
def test_otter_grades_a_right_and_a_wrong_submission(tmp_path):
    """The real tools: otter assign, a submission filled in, otter run."""
    notebook = assignment("08", read_notebook(MASTERS["08"]), seed=11, from_the_book=0)
    (tmp_path / "assignment.ipynb").write_text(as_text(notebook))
    (tmp_path / "requirements.txt").write_text("")
    otter(tmp_path, "assign", "assignment.ipynb", "dist")
    handed_out = json.loads((tmp_path / "dist/student/assignment.ipynb").read_text())
    question = variant("08", 11)
    text = json.dumps(handed_out)
    assert "raise NotImplementedError" in text
    assert question.body.splitlines()[-1] not in text
    assert "test_random_inputs" not in (tmp_path / "dist/student/tests/kept.py").read_text()

    wrong = question.solution.replace("np.abs(output - truth)", "np.abs(output - source)", 1)
    assert wrong != question.solution
    points = {}
    for name, answer in {"right": question.solution, "wrong": wrong}.items():
        hand_in(handed_out, question.function, answer, tmp_path / f"{name}.ipynb")
        points[name] = grade(tmp_path, f"{name}.ipynb")
    assert points["right"] == question.points
    assert points["wrong"] < question.points


def otter(folder, *arguments):
    command = [sys.executable, "-m", "otter", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def hand_in(handed_out, function, answer, path):
    """Fill in the answer as a student would."""
    notebook = json.loads(json.dumps(handed_out))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and f"def {function}(" in source(cell):
            cell["source"] = answer.splitlines(keepends=True)
    path.write_text(json.dumps(notebook))


def grade(folder, submission):
    """Return the points that otter gives."""
    archive = next((folder / "dist/autograder").glob("*.zip"))
    results = folder / "results"
    results.mkdir(exist_ok=True)
    otter(folder, "run", "-a", str(archive), "-o", str(results), "--no-logo", submission)
    tests = json.loads((results / "results.json").read_text())["tests"]
    return sum(test.get("score", 0) for test in tests)


@pytest.mark.parametrize("folder", ["notebooks", "book"])
def test_graded_material_is_in_no_public_file(folder):
    suffixes = {".ipynb", ".md", ".html", ".js", ".txt"}
    public = [path for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    assert [path for path in public if CANARY in path.read_text(errors="replace")] == []
