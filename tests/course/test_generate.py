"""Student and solution notebooks come from the masters, and the committed ones are up to date."""

import json

import pytest

from synclora_course.errors import CourseError
from synclora_course.generate import (
    VARIANTS,
    drift,
    generate,
    solutions,
    stub_source,
    student,
    unmarked_source,
)
from synclora_course.masters import master_paths, read_notebook, source, tags
from synclora_course.readable import plain_markdown

MARKED = '''\
def double(x):
    """Twice x."""
    # BEGIN SOLUTION
    helper = 2

    return helper * x
    # END SOLUTION'''


def test_a_stub_keeps_the_signature_and_says_what_to_do():
    stub = stub_source(MARKED, "4.1", 'Say "twice"')
    assert stub.splitlines()[:2] == MARKED.splitlines()[:2]
    names = {}
    exec(stub, names)
    with pytest.raises(NotImplementedError, match=r'Exercise 4\.1: Say "twice"'):
        names["double"](2)


def test_a_solution_loses_its_marks_and_nothing_else():
    names = {}
    exec(unmarked_source(MARKED), names)
    assert names["double"](4) == 8
    assert "SOLUTION" not in unmarked_source(MARKED)


def test_the_committed_notebooks_are_those_of_the_masters():
    assert drift() == [], "run: synclora course student; synclora course solutions"


@pytest.mark.parametrize("path", master_paths(), ids=lambda path: path.stem)
def test_a_student_notebook_holds_no_solution(path):
    master = read_notebook(path)
    text = json.dumps(student(master, path.name))
    assert "BEGIN SOLUTION" not in text
    for cell in master["cells"]:
        if "solution-notes" in tags(cell):
            assert source(cell) not in text
    stubs = [c for c in student(master, path.name)["cells"] if "solution" in tags(c)]
    assert all("raise NotImplementedError" in source(cell) for cell in stubs)


@pytest.mark.parametrize("path", master_paths(), ids=lambda path: path.stem)
@pytest.mark.parametrize("kind", VARIANTS)
def test_a_generated_notebook_is_whole_and_plain(kind, path):
    notebook = VARIANTS[kind](read_notebook(path), path.name)
    identifiers = [cell["id"] for cell in notebook["cells"]]
    assert len(identifiers) == len(set(identifiers))
    text = "\n".join(source(c) for c in notebook["cells"] if c["cell_type"] == "markdown")
    assert "{cite}" not in text
    assert "{term}" not in text
    assert not any(cell.get("outputs") for cell in notebook["cells"])


def test_solutions_keep_the_notes():
    path = next(p for p in master_paths() if "solution-notes" in p.read_text())
    kept = solutions(read_notebook(path), path.name)
    assert any("solution-notes" in tags(cell) for cell in kept["cells"])


def test_notebooks_can_be_written_elsewhere(tmp_path):
    files = generate("student", tmp_path / "mine")
    assert [file.name for file in files] == [path.name for path in master_paths()]
    assert all(json.loads(file.read_text())["nbformat"] == 4 for file in files)


def test_roles_of_the_book_become_plain_markdown():
    assert plain_markdown("LoRA {cite}`hu2022lora` is {term}`LoRA`.") == (
        "LoRA ([Hu et al., 2022](https://arxiv.org/abs/2106.09685)) is LoRA."
    )
    assert plain_markdown("see {doc}`the page <../book/consent>`") == "see the page"


def test_directives_of_the_book_become_quotations():
    text = "before\n\n:::{admonition} Note this\n:class: tip\n\nTwo\nlines.\n:::\nafter"
    assert plain_markdown(text) == "before\n\n> **Note this**\n> \n> Two\n> lines.\nafter"


def test_a_citation_of_nothing_is_an_error():
    with pytest.raises(CourseError, match="no reference nobody1999"):
        plain_markdown("{cite}`nobody1999`")
