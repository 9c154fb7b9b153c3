"""A student's code runs apart: whatever it does, the grader goes on and says so."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from synclora_course.errors import CourseError
from synclora_course.grading import Limits, grade

EVIL = {
    "for ever": "def f():\n    while True: pass\nf()",
    "exits": "import os\nos._exit(0)",
    "kills itself": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
    "memory": "x = [bytearray(10**9) for _ in range(9)]",
    "a large file": "open('big', 'wb').write(bytes(10**7))",
    "reads input": "input()",
    "our tokens": "import os\nraise ValueError('seen: ' + os.environ['SECRET_TOKEN'])",
    "a child that stays": (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', \"import time; time.sleep(60)  # {mark}\"])\n"
        "raise ValueError('left a child')"
    ),
}


def cell(number: int, code: str) -> dict[str, Any]:
    about = {"id": f"0.{number}", "title": "x", "check": "check_frame", "function": "f"}
    metadata = {"tags": ["solution"], "exercise": about}
    return {"cell_type": "code", "metadata": metadata, "source": code}


def notebook(path: Path, *codes: str) -> Path:
    cells = [cell(number, code) for number, code in enumerate(codes, start=1)]
    path.write_text(json.dumps({"cells": cells, "metadata": {}}))
    return path


def test_hostile_code_costs_its_own_exercise_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "secret")
    mark = f"mark-{os.getpid()}"
    codes = [code.replace("{mark}", mark) for code in EVIL.values()]
    path = notebook(tmp_path / "evil.ipynb", *codes, "raise NotImplementedError")
    rows = grade(path, Limits(seconds=5, memory=2_000_000_000, file=1_000_000))
    notes = dict(zip(EVIL, rows, strict=False))
    assert [row.state for row in rows] == ["not yet"] * len(EVIL) + ["to do"]
    assert notes["for ever"].note == "took longer than 5 s"
    assert "ended its process" in notes["kills itself"].note
    assert "ended its process" in notes["exits"].note
    assert "secret" not in " ".join(row.note for row in rows)
    assert "File too large" in notes["a large file"].note
    assert notes["a child that stays"].note == "left a child"
    lines = [p.read_bytes() for p in Path("/proc").glob("[0-9]*/cmdline") if p.exists()]
    assert not any(mark.encode() in line and b"time.sleep" in line for line in lines)


@pytest.mark.parametrize("code", ["import nothing_", "import os\nnothing_", "import (", "1 / 0"])
def test_imports_that_fail_are_told(tmp_path: Path, code: str) -> None:
    path = notebook(tmp_path / "mine.ipynb", "raise NotImplementedError")
    content = json.loads(path.read_text())
    imports = {"cell_type": "code", "metadata": {"tags": ["imports"]}, "source": code}
    path.write_text(json.dumps({**content, "cells": [imports, *content["cells"]]}))
    with pytest.raises(CourseError, match=r"the imports of .* fail"):
        grade(path)


@pytest.mark.parametrize(
    "about", [None, [], {}, {"id": 1}, {"id": "0.1", "title": "x"}, {"id": "77.1"}]
)
def test_a_solution_that_names_no_exercise_is_refused(tmp_path: Path, about: Any) -> None:
    path = notebook(tmp_path / "mine.ipynb", "raise NotImplementedError")
    content = json.loads(path.read_text())
    settings = content["cells"][0]["metadata"]
    settings["exercise"] = {**settings["exercise"], **about} if about and len(about) == 1 else about
    path.write_text(json.dumps(content))
    with pytest.raises(CourseError, match=r"names no exercise|is broken"):
        grade(path)
