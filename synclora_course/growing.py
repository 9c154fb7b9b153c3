"""`my_synclora.py`: the file that grows while a student works through chapters 4 to 6.

`collect(rotate, check_rotate(rotate))` runs the check and, if it passes, writes the function into
the file beside the notebook. `part("rotate")` gives it back to the exercises that use it; the
book's stands in if it was skipped. A chapter that builds on another begins with `bring("sample")`
and imports from the file. The file is always whole: every part up to the last one asked for, in
the book's order, each under a line that says whose it is.
"""

import ast
import builtins
import importlib.machinery
import importlib.util
import inspect
import re
import symtable
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from synclora_course.checks.outcome import Passed
from synclora_course.errors import CourseError
from synclora_lite.files import write_atomic

FILE = "my_synclora.py"
SOLVED = Path(__file__).with_name("solved_parts.py")  # made from the masters by `generate`
MINE, BOOKS, GIVEN = "mine", "the book's", "given"
MARK = re.compile(r"^# ==== (?P<label>\S+) (?P<name>\w+): (?P<whose>.+) ====$", re.MULTILINE)
IMPORTS = (
    "import json",
    "import math",
    "from pathlib import Path",
    "",
    "import numpy as np",
    "import torch",
    "import torch.nn.functional as F",
    "from safetensors.torch import load_file",
    "from torch import nn",
)
TITLE = '"""Sync-LoRA as I wrote it in chapters 4 to 6 of the book."""'
CLOSED = "synclora_lite.core"  # the package's own version of the parts


@dataclass(frozen=True)
class Part:
    """A piece of the file: an exercise's function, or code that a chapter gives.

    Attributes:
        label: Number of the exercise, "4.4", or of the chapter, "4".
        name: Of the function that is written, or of the first that is given.
        whose: "mine", "the book's" or "given".
        source: Its code.

    """

    label: str
    name: str
    whose: str
    source: str

    @property
    def defines(self) -> list[str]:
        """Names of its functions and classes."""
        return re.findall(r"^(?:def|class) (\w+)", self.source, re.MULTILINE)


def collect(
    function: Callable[..., Any], passed: Passed | None = None, folder: str | Path = "."
) -> Passed | None:
    """Write a function that has passed its check into `my_synclora.py`; return what passed.

    Raises:
        CourseError: The book has no part of this name, its source is not to be had, or it uses
            what a file of its own cannot: a part of the package, or a value of the notebook.

    """
    path, name = Path(folder) / FILE, function.__name__
    place = _place(name)
    if place.whose == GIVEN:
        raise CourseError(f"{name} is given", "the function of an exercise")
    imports, found = _read(path)
    helpers: list[str] = []
    new_imports = list(imports)
    source = _source(function, helpers, new_imports)
    found[name] = Part(place.label, name, MINE, "\n\n\n".join([*helpers, source]))
    _write(path, _used(new_imports, found), found, name)
    _load(path)
    mine = sum(each.whose == MINE for each in found.values())
    print(f"{FILE} now holds your {name} ({place.label}): {mine} of {len(_exercises())} are yours")
    return passed


def part(name: str, folder: str | Path = ".") -> Any:
    """Return a function of `my_synclora.py`: the student's, or the book's if there is none yet.

    Raises:
        CourseError: The book has no part of this name, or the file does not run.

    """
    module, found = _grown(name, folder)
    _say([each for each in found.values() if name in each.defines])
    return getattr(module, name)


def bring(last: str, folder: str | Path = ".") -> None:
    """Make `my_synclora.py` whole up to a part, so that `from my_synclora import ...` works.

    A chapter starts with it: what an earlier chapter's student has not written, the book fills in.

    Raises:
        CourseError: The book has no part of this name, or the file does not run.

    """
    _say(list(_grown(last, folder)[1].values()))


def _grown(last: str, folder: str | Path) -> tuple[ModuleType, dict[str, Part]]:
    path = Path(folder) / FILE
    imports, found = _read(path)
    _write(path, imports, found, _place(last).name)
    return _load(path), found


def _say(parts: list[Part]) -> None:
    lent = ", ".join(f"{each.name} ({each.label})" for each in parts if each.whose == BOOKS)
    if lent:
        print(f"Not yet yours, so the book's solution stands in: {lent}.")


def solved_names() -> dict[str, Any]:
    """Return all parts as the book solves them, by name: what exercises may build on."""
    names: dict[str, Any] = {"__name__": SOLVED.stem}
    exec(compile(SOLVED.read_text(), str(SOLVED), "exec"), names)
    return {name: value for name, value in names.items() if not name.startswith("__")}


def as_file(parts: list[Part], imports: list[str] | None = None) -> str:
    """Return the text of the file: imports, then the parts in order."""
    blocks = [f"# ==== {p.label} {p.name}: {p.whose} ====\n{p.source}" for p in parts]
    head = "\n".join([*IMPORTS, *(imports or [])])
    return "\n\n\n".join([f"{TITLE}\n\n{head}", *blocks]) + "\n"


def _solved() -> list[Part]:
    return list(_parts(SOLVED.read_text()))


def _exercises() -> list[Part]:
    return [each for each in _solved() if each.whose != GIVEN]


def _place(name: str) -> Part:
    for each in _solved():
        if name in each.defines:
            return each
    known = ", ".join(each.name for each in _exercises())
    raise CourseError(f"no part of the file is called {name}", f"one of {known}")


def _parts(text: str) -> Iterator[Part]:
    marks = list(MARK.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    for mark, end in zip(marks, ends, strict=False):  # a new file has neither
        yield Part(mark["label"], mark["name"], mark["whose"], text[mark.end() : end].strip("\n"))


def _read(path: Path) -> tuple[list[str], dict[str, Part]]:
    """Return the imports that a student added, and the parts by name."""
    text = path.read_text("utf-8") if path.exists() else ""
    head = MARK.split(text, maxsplit=1)[0]
    lines = re.findall(r"^(?:import|from) .*$", head, re.MULTILINE)
    return [line for line in lines if line not in IMPORTS], {p.name: p for p in _parts(text)}


def _used(imports: list[str], found: dict[str, Part]) -> list[str]:
    """Return the imports of which a part uses a name, the last that binds it."""
    try:
        used = {"*"}.union(*(_globals(each.source) for each in found.values()))
        bound = {line: ast.parse(line).body[0] for line in imports}
    except SyntaxError:  # a damaged file, as `_load` will tell
        return imports
    kept: list[str] = []
    for line, node in reversed(bound.items()):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {a.asname or a.name.split(".")[0] for a in node.names}
            if names & used:
                kept.insert(0, line)
            used -= names
    return kept


def _write(path: Path, imports: list[str], found: dict[str, Part], last: str) -> None:
    """Write the parts that are there and, where one up to `last` is missing, the book's."""
    wanted = _solved()
    end = next(k for k, each in enumerate(wanted) if each.name == last)
    for each in wanted[: end + 1]:
        if each.whose == GIVEN or each.name not in found:
            found[each.name] = each
    ordered = [found[each.name] for each in wanted if each.name in found]
    write_atomic(path, as_file(ordered, imports))


def _load(path: Path) -> ModuleType:
    """Run the file as the module `my_synclora`; its functions call each other's newest version."""
    name = path.stem
    module = sys.modules.get(name)
    if module is None or getattr(module, "__file__", None) != str(path.resolve()):
        module = ModuleType(name)
        module.__file__ = str(path.resolve())
        sys.modules[name] = module
    loader = importlib.machinery.SourceFileLoader(name, str(path.resolve()))
    module.__spec__ = importlib.util.spec_from_loader(name, loader)
    try:
        exec(compile(path.read_text("utf-8"), module.__file__ or "", "exec"), module.__dict__)
    except Exception as error:
        raise CourseError(
            f"{path} does not run ({type(error).__name__}: {error})",
            "the functions that passed their checks",
            "mend it, or delete it and run the check cells again",
        ) from error
    return module


def _source(function: Callable[..., Any], helpers: list[str], imports: list[str]) -> str:
    """Return a function's source; add what it needs from the notebook: helpers and imports."""
    try:
        source = textwrap.dedent(inspect.getsource(function)).strip()
    except (OSError, TypeError) as error:
        advice = "run the cell that defines it, then this one"
        raise CourseError(
            f"no source of {function.__name__}", "a function of a cell", advice
        ) from error
    parts = {name for each in _solved() for name in each.defines}
    provided = {line.split()[-1] for line in IMPORTS if line}
    for name in sorted(_globals(source) - parts - provided - set(dir(builtins))):
        _bring(name, function, helpers, imports)
    return source


def _bring(name: str, function: Callable[..., Any], helpers: list[str], imports: list[str]) -> None:
    """Bring a name that a function uses into the file: an import, or a helper's source."""
    value = function.__globals__.get(name)
    home = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None) or ""
    if f"{home}.".startswith(f"{CLOSED}."):
        raise CourseError(
            f"{function.__name__} uses {name} of the package", "code of your own", "write it out"
        )
    if inspect.ismodule(value):
        line = f"import {home}" if home == name else f"import {home} as {name}"
    elif inspect.isfunction(value) and value.__globals__ is function.__globals__:
        text = _source(value, helpers, imports)
        helpers.extend([] if text in helpers else [text])
        return
    elif callable(value) and home not in ("", "__main__"):
        own = value.__name__
        line = f"from {home} import {own}" + ("" if own == name else f" as {name}")
    else:
        raise CourseError(
            f"{function.__name__} uses {name}, which only this notebook knows",
            "a function of its arguments",
            "pass it, or set it inside the function",
        )
    if line not in imports:
        imports.append(line)


def _globals(source: str) -> set[str]:
    """Return the names that code takes from outside its functions."""

    def of(table: symtable.SymbolTable) -> set[str]:
        own = {s.get_name() for s in table.get_symbols() if s.is_referenced() and s.is_global()}
        return own.union(*(of(child) for child in table.get_children()))

    return of(symtable.symtable(source, "cell", "exec"))
