"""What every exercise promises: solutions pass, stubs say so, and known mistakes get their hint."""

import importlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from synclora_course.checks import CheckFailed, Passed
from synclora_course.growing import solved_names
from synclora_course.notebook import CHAPTERS, notebook_name
from tools.notebooks import MASTERS

SOLUTION = re.compile(r"^( *)# BEGIN SOLUTION\n.*?^ *# END SOLUTION$", re.DOTALL | re.MULTILINE)
Wrong = Mapping[str, Any]  # by check: (function, what its hint says), two or more


@dataclass(frozen=True)
class Exercise:
    """An exercise as its master notebook holds it."""

    identifier: str
    function: str
    imports: str
    solution: str
    check: Callable[..., Passed]
    check_name: str

    def solved(self) -> Any:
        return self._defined(self.solution)

    def stub(self) -> Any:
        line = rf'\1raise NotImplementedError("Exercise {self.identifier}")'
        return self._defined(SOLUTION.sub(line, self.solution))

    def _defined(self, source: str) -> Any:
        names: dict[str, Any] = {}
        exec(self.imports, names)
        names |= solved_names()
        exec(source, names)
        return names[self.function]


def exercises(chapter: str) -> list[Exercise]:
    """Read the checked exercises of a chapter's master."""
    path = MASTERS / f"{notebook_name(chapter)}.ipynb"
    cells = json.loads(path.read_text())["cells"]
    imports = "\n".join(_source(cell) for cell in cells if "imports" in _tags(cell))
    module = importlib.import_module(f"synclora_course.checks.{CHAPTERS[chapter]}")
    return [
        Exercise(
            identifier=cell["metadata"]["exercise"]["id"],
            function=cell["metadata"]["exercise"]["function"],
            imports=imports,
            solution=_source(cell),
            check=getattr(module, cell["metadata"]["exercise"]["check"]),
            check_name=cell["metadata"]["exercise"]["check"],
        )
        for cell in cells
        if "solution" in _tags(cell)
    ]


def hold(exercise: Exercise, wrong: Wrong) -> None:
    """Assert the whole contract for one exercise."""
    assert SOLUTION.search(exercise.solution), "the solution stands between its markers"
    for seed in (0, 1, 20_000):
        assert exercise.check(exercise.solved(), seed=seed).properties
    with pytest.raises(NotImplementedError):
        exercise.check(exercise.stub())
    planted = wrong.get(exercise.check_name, [])
    assert len(planted) >= 2, f"{exercise.check_name} needs two planted mistakes or more"
    for mistake, hint in planted:
        for seed in (0, 1):
            with pytest.raises(CheckFailed) as caught:
                exercise.check(mistake, seed=seed)
            assert re.search(hint, caught.value.hint or caught.value.what), (
                f"{exercise.check_name}: {caught.value} does not say {hint!r}"
            )
            assert len(caught.value.rungs) == 3, "what is wrong, where to look, the step"
            assert all(caught.value.rungs[1:])


def _tags(cell: dict[str, Any]) -> list[str]:
    return cell["metadata"].get("tags", [])


def _source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])
