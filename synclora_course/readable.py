"""Markdown of the book in plain Markdown: what Colab and GitHub do not know is spelt out.

Citations become links to the paper, glossary terms plain words, and admonitions quotations.
"""

import re
from functools import cache

from synclora_course.errors import CourseError
from synclora_lite.files import PROJECT

REFERENCES = PROJECT / "book" / "references.bib"
ENTRY = re.compile(r"@\w+\{(?P<key>[^,]+),(?P<fields>.*?)\n\}", re.DOTALL)
ROLE = re.compile(r"\{(?P<role>[a-z:]+)\}`(?P<text>[^`]+)`")
FENCE = re.compile(
    r"^(?P<fence>`{3,}|:{3,})\{(?P<name>[a-z]+)\}(?P<title>[^\n]*)\n(?P<body>.*?)^(?P=fence) *$",
    re.DOTALL | re.MULTILINE,
)
OPTION = re.compile(r"\A(?: *:[a-z-]+:[^\n]*\n)+")


def plain_markdown(text: str) -> str:
    """Replace the roles and directives of the book.

    Raises:
        CourseError: A citation names an entry that the references do not hold.

    """
    return ROLE.sub(_role, FENCE.sub(_directive, text))


def _role(found: re.Match[str]) -> str:
    role, text = found["role"], found["text"]
    if role.startswith("cite"):
        return ", ".join(_citation(key.strip()) for key in text.split(","))
    if role in ("term", "ref", "doc", "numref"):
        return re.sub(r" *<[^>]*>$", "", text)
    return found[0]


def _citation(key: str) -> str:
    if key not in _entries():
        raise CourseError(f"no reference {key}", f"an entry of {REFERENCES.name}")
    names, year, url = _entries()[key]
    return f"([{names}, {year}]({url}))"


@cache
def _entries() -> dict[str, tuple[str, str, str]]:
    """Return who, when and where of each entry, by key."""
    entries = {}
    for found in ENTRY.finditer(REFERENCES.read_text("utf-8")):
        fields = found["fields"]
        authors = [name.split(",")[0] for name in _field(fields, "author").split(" and ")]
        short = f"{authors[0]} et al." if len(authors) > 2 else " and ".join(authors)
        entries[found["key"]] = (short, _field(fields, "year"), _field(fields, "url"))
    return entries


def _field(fields: str, name: str) -> str:
    found = re.search(rf"\b{name} = \{{(.*?)\}},?\s*$", fields, re.MULTILINE)
    return re.sub(r"[{}\\]", "", found[1]) if found else ""


def _directive(found: re.Match[str]) -> str:
    name, title, body = found["name"], found["title"].strip(), found["body"]
    body = OPTION.sub("", body).strip()
    if name in ("figure", "image"):
        return f"![{body}]({title})"
    if name == "math":
        return f"$$\n{body}\n$$"
    heading = f"**{title or name.capitalize()}**"
    return "\n".join("> " + line for line in [heading, "", *body.splitlines()])
