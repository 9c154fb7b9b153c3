"""Figures in pages: a role that fills a sentence from a results file, and the table of faults.

    {quote}`robustness_kills | {hits} of {tried} kills hit a command at work`

`{faults}` is a table of every kind of fault that was tried, survived and lost.
"""

from typing import Any

from docutils import nodes
from docutils.parsers.rst.states import Inliner
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from synclora_course.quote import quote
from synclora_course.results import read_result
from synclora_lite.errors import ArtifactError
from synclora_lite.files import data_dir

NOT_RUN = "This check was not run in full yet."
HEAD = ("what was done", "tried", "survived", "lost")


def quote_role(
    name: str,
    rawtext: str,
    text: str,
    lineno: int,
    inliner: Inliner,
    options: dict[str, Any] | None = None,
    content: list[str] | None = None,
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Fill a template with the values of a results file, or say that there is none yet."""
    source, _, template = text.partition("|")
    if not (data_dir() / "results" / f"{source.strip()}.json").exists():
        return [nodes.emphasis(rawtext, NOT_RUN)], []
    try:
        found = quote(source.strip(), template.strip())
    except ArtifactError as error:
        message = inliner.reporter.error(str(error), line=lineno)
        return [inliner.problematic(rawtext, rawtext, message)], [message]
    return [nodes.inline(rawtext, found.text)], []


class FaultTable(SphinxDirective):
    """The counts of `data/results/robustness_*.json`, a row for each kind of fault."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        rows = [
            (kind, counts["tried"], counts["tried"] - counts["lost"], counts["lost"])
            for path in sorted((data_dir() / "results").glob("robustness_*.json"))
            for kind, counts in read_result(path.stem)["values"]["kinds"].items()
        ]
        sums = [sum(row[column] for row in rows) for column in (1, 2, 3)]
        return [_table([*rows, ("all", *sums)])]


def _table(rows: list[tuple[Any, ...]]) -> nodes.table:
    group = nodes.tgroup(cols=len(HEAD))
    group += [nodes.colspec(colwidth=width) for width in (5, 1, 1, 1)]
    head, body = nodes.thead(), nodes.tbody()
    head += _row(HEAD)
    body += [_row(row) for row in rows]
    group += [head, body]
    table = nodes.table()
    table += group
    return table


def _row(cells: tuple[Any, ...]) -> nodes.row:
    row = nodes.row()
    row += [nodes.entry("", nodes.paragraph("", str(cell))) for cell in cells]
    return row


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_role("quote", quote_role)
    app.add_directive("faults", FaultTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
