"""Student and solution notebooks, made from the masters.

Both are committed, so that a reader can open them without running anything, and a test fails when
they differ from what the masters give.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synclora_course.growing import BOOKS, GIVEN, SOLVED, Part, as_file
from synclora_course.masters import (
    CHAPTERS,
    MARKED,
    Cell,
    Notebook,
    master_paths,
    read_notebook,
    source,
    tags,
    with_source,
)
from synclora_course.notebook import colab_url
from synclora_course.readable import plain_markdown
from synclora_lite.files import write_atomic

ABOUT = {
    "student": "**Your copy of this chapter.** Where a cell says `raise NotImplementedError`, "
    "replace that line; the check below it tells how you did. [Open in Colab]({colab}). "
    "Stuck for twenty minutes? [The same chapter with solutions](../solutions/{name}).",
    "solutions": "**This chapter with its solutions.** Try [the version without]"
    "(../student/{name}) first.",
}
BOOK_ONLY = ("hide-input", "remove-input", "hide-output")


def student(master: Notebook, name: str) -> Notebook:
    """Return a master without its solutions: each body becomes one NotImplementedError.

    Args:
        master: The master notebook; it is not changed.
        name: File name of the notebook, such as "05_in_context_lora.ipynb".

    """
    kept = [cell for cell in master["cells"] if "solution-notes" not in tags(cell)]
    return _copy(master, [_stub(cell) for cell in kept], name, "student")


def solutions(master: Notebook, name: str) -> Notebook:
    """Return a master as a plain notebook: solutions in sight, without the markers."""
    cells = [
        with_source(cell, unmarked_source(source(cell))) if "solution" in tags(cell) else cell
        for cell in master["cells"]
    ]
    return _copy(master, cells, name, "solutions")


VARIANTS: dict[str, Callable[[Notebook, str], Notebook]] = {
    "student": student,
    "solutions": solutions,
}


def generate(kind: str, folder: Path | None = None) -> list[Path]:
    """Write the student or the solution notebooks.

    Args:
        kind: "student" or "solutions".
        folder: Where to; `notebooks/KIND` by default.

    Returns:
        The files, in reading order.

    """
    if kind == "solutions" and folder is None:
        write_atomic(SOLVED, solved_parts())
    folder = folder or CHAPTERS / kind
    return [write_atomic(folder / name, text) for name, text in generated(kind).items()]


def generated(kind: str) -> dict[str, str]:
    """Return the text of each notebook of a kind, by file name."""
    make = VARIANTS[kind]
    return {p.name: as_text(make(read_notebook(p), p.name)) for p in master_paths()}


def drift() -> list[str]:
    """Name the committed notebooks that differ from what the masters give."""
    problems = []
    for kind in VARIANTS:
        wanted = generated(kind)
        found = {path.name for path in (CHAPTERS / kind).glob("*.ipynb")}
        problems += [f"{kind}/{name} has no master" for name in sorted(found - set(wanted))]
        for name, text in wanted.items():
            path = CHAPTERS / kind / name
            if not path.exists():
                problems.append(f"{kind}/{name} is missing")
            elif path.read_text("utf-8") != text:
                problems.append(f"{kind}/{name} differs from its master")
    if not SOLVED.exists() or SOLVED.read_text() != solved_parts():
        problems.append(f"{SOLVED.name} differs from the masters")
    return problems


def solved_parts() -> str:
    """Return `my_synclora.py` as the book's solutions make it: the cells that name a `part`."""
    parts = []
    for path in master_paths():
        for cell in read_notebook(path)["cells"]:
            if name := cell["metadata"].get("part"):
                about = cell["metadata"].get("exercise")
                label = about["id"] if about else str(int(path.name[:2]))
                text = unmarked_source(source(cell)).strip()
                parts.append(Part(label, name, BOOKS if about else GIVEN, text))
    return as_file(parts)


def as_text(notebook: Notebook) -> str:
    """Return a notebook as the text of its file."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def stub_source(text: str, identifier: str, title: str) -> str:
    """Replace the marked body of a solution by one line that says what is to be done."""
    line = json.dumps(f"Exercise {identifier}: {title}", ensure_ascii=False)
    return MARKED.sub(lambda found: f"{found[1]}raise NotImplementedError({line})", text)


def unmarked_source(text: str) -> str:
    """Drop the markers around a solution's body."""
    return MARKED.sub(lambda found: found[2].rstrip("\n"), text)


def _stub(cell: Cell) -> Cell:
    if "solution" not in tags(cell):
        return cell
    about = cell["metadata"]["exercise"]
    return with_source(cell, stub_source(source(cell), about["id"], about["title"]))


def _copy(master: Notebook, cells: list[Cell], name: str, kind: str) -> Notebook:
    metadata = {k: v for k, v in master["metadata"].items() if k != "execution"}
    text = ABOUT[kind].format(name=name, colab=colab_url(name[:2]))
    about = {"cell_type": "markdown", "id": "about", "metadata": {}, "source": [text]}
    first, *rest = [_plain(cell) for cell in cells]
    return {**master, "metadata": metadata, "cells": [first, about, *rest]}


def _plain(cell: Cell) -> Cell:
    """Return a cell as a plain notebook needs it: no settings of the book, plain Markdown."""
    kept = [tag for tag in tags(cell) if tag not in BOOK_ONLY]
    metadata: dict[str, Any] = {"tags": kept} if kept else {}
    metadata |= {k: v for k, v in cell["metadata"].items() if k not in ("mystnb", "tags")}
    cell = {**cell, "metadata": metadata}
    if cell["cell_type"] == "code":
        return {**cell, "outputs": [], "execution_count": None}
    text = re.sub(r"(\]\()\.\./", r"\1../../", source(cell))  # one folder deeper than the master
    return with_source(cell, plain_markdown(text))
