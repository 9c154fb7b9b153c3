"""Draw the package from its real imports, and count its lines. ``python -m tools.house``.

Writes ``book/_static/house.svg``, which ``book/design.md`` shows (the book's build draws it anew),
and ``data/results/house.json``, whose numbers that page quotes. ``python -m tools.house FILE ...``
counts other files in the same way.
"""

import argparse
import ast
import io
import tokenize
from collections import Counter
from collections.abc import Iterator
from html import escape
from pathlib import Path

from synclora_course.results import write_result
from synclora_lite.errors import in_one_line
from synclora_lite.files import PROJECT, write_atomic

PACKAGE = PROJECT / "synclora_lite"
PICTURE = PROJECT / "book" / "_static" / "house.svg"
ROOMS = {  # in the order in which data flows: each imports none that comes after it
    "core": "the method",
    "portraits": "drawn people, true motion",
    "video": "clips in and out of files",
    "viz": "pictures and players",
    "landmarks": "points of face and body",
    "sync": "how well two clips keep time",
    "models": "weights, adapters, latents",
    "pairs": "training pairs",
    "training": "latents, loop, resume",
    "editing": "the pipeline and its rivals",
    "evaluation": "metrics of an edit",
    "cli": "the command line",
}
ROOT = "files, errors, settings"  # modules beside the rooms, which any room may import
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B37700", "#4477AA")
LEFT, BOX, ROW, GAP, TOP, WIDE = 16, 350, 34, 14, 34, 700  # pixels


def room_of(module: str) -> str:
    """Return the room of a module, as synclora_lite.video.clip is of video; "" of the root."""
    room = (*module.split("."), "")[1]
    return room if (PACKAGE / room).is_dir() else ""


def imports(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == PACKAGE.name:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def files(room: str) -> list[Path]:
    """Return the modules of a room; of "" those beside the rooms."""
    return sorted((PACKAGE / room).rglob("*.py") if room else PACKAGE.glob("*.py"))


def arrows() -> Counter[tuple[str, str]]:
    """Return how many modules of one room import another room, by (importing, imported)."""
    found = {
        (path, room, room_of(module))
        for room in ROOMS
        for path in files(room)
        for module in imports(path)
        if module.split(".")[0] == PACKAGE.name
    }
    return Counter((room, other) for _, room, other in found if other not in ("", room))


def count(source: str) -> dict[str, int]:
    """Count a module's lines: all, code, comments of their own, comments beside code, docstrings.

    A text that stands alone counts as a docstring, wherever it is.
    """
    lines = source.splitlines()
    texts = {
        number
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node.value.value, str)
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    code, alone, beside = set(), 0, 0
    silent = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            own = lines[token.start[0] - 1].lstrip().startswith("#")
            alone, beside = alone + own, beside + (not own)
        elif token.type not in silent:
            code |= set(range(token.start[0], token.end[0] + 1))
    numbers = (len(lines), len(code - texts), alone, beside, len(texts))
    return dict(zip(("lines", "code", "comments", "beside", "texts"), numbers, strict=True))


def total(paths: list[Path]) -> dict[str, int]:
    """Return the sums of `count` over files."""
    sums: Counter[str] = Counter()
    for path in paths:
        sums.update(count(path.read_text("utf-8")))
    return dict(sums)


def _ends(top: dict[str, int]) -> dict[tuple[str, str], tuple[float, float]]:
    """Return where the bow of each arrow begins and ends: long ones outside, so that few cross."""
    found = arrows()

    def spread(places: list[str], first: float) -> dict[str, float]:
        return {room: first + (k + 0.5) * ROW / 2 / len(places) for k, room in enumerate(places)}

    order = list(ROOMS)
    leave = {r: spread([o for o in order[::-1] if (r, o) in found], top[r]) for r in order}
    enter = {
        r: spread([o for o in order[::-1] if (o, r) in found], top[r] + ROW / 2) for r in order
    }
    return {(room, other): (leave[room][other], enter[other][room]) for room, other in found}


def draw() -> str:
    """Return the picture: a box for each room, and a bow to each room that it imports."""
    top = {room: TOP + k * (ROW + GAP) for k, room in enumerate((*ROOMS, ""))}
    ends = _ends(top)
    colour = {room: COLOURS[k % len(COLOURS)] for k, room in enumerate(ROOMS)}
    right, height = LEFT + BOX, TOP + (len(ROOMS) + 1) * (ROW + GAP) + 6
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {height:g}" role="img" '
        'font-family="system-ui,sans-serif" font-size="14"><title>Rooms of synclora_lite</title>',
        f'<rect width="{WIDE}" height="{height:g}" rx="8" fill="#fff"/><defs>',
        *(f'<marker id="m{k}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
          f'orient="auto"><path d="M0 0L8 4L0 8z" fill="{c}"/></marker>'
          for k, c in enumerate(COLOURS)),
        f'</defs><text x="{LEFT}" y="20" fill="#555">data flows down; an arc leads from a room up '
        "to one that it imports; numbers are lines</text>",
    ]  # fmt: skip
    for (room, other), modules in sorted(arrows().items()):
        start, end = ends[room, other]
        reach = right + 40 + 36 * (start - end) / (ROW + GAP)
        mark = COLOURS.index(colour[room])
        parts.append(
            f'<path data-from="{room}" data-to="{other}" d="M{right} {start:.1f}C{reach:.0f} '
            f'{start:.1f} {reach:.0f} {end:.1f} {right} {end:.1f}" fill="none" '
            f'stroke="{colour[room]}" stroke-width="{1 + modules**0.5 / 2:.1f}" '
            f'marker-end="url(#m{mark})"/>'
        )
    for room, what in {**ROOMS, "": "for every room"}.items():
        y, lines, edge = top[room], total(files(room))["lines"], colour.get(room, "#777")
        parts.append(
            f'<rect x="{LEFT}" y="{y:g}" width="{BOX}" height="{ROW}" rx="5" fill="#f6f6f6" '
            f'stroke="{edge}" stroke-width="1.5"/><text x="{LEFT + 10}" y="{y + 22:g}" fill="#222">'
            f'<tspan font-weight="bold">{escape(room or ROOT)}</tspan> {escape(what)}</text>'
            f'<text x="{right - 10}" y="{y + 22:g}" fill="#444" text-anchor="end">{lines:,}</text>'
        )
    return "\n".join([*parts, "</svg>\n"])


def main() -> None:
    """Draw and count, or count the files that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="*")
    named = parser.parse_args().files
    for path in named:
        print(path, total([path]))
    if named:
        print("all", total(named))
        return
    write_atomic(PICTURE, draw())
    values = {
        "package": total(sorted(PACKAGE.rglob("*.py"))),
        "rooms": {room: total(files(room)) for room in ROOMS},
        "root": total(files("")),
        "loop": total([PACKAGE / "training" / "loop.py"]),
        "entry": total([PACKAGE / "cli" / "train.py"]),
        "settings": total([PACKAGE / "training" / "config.py"]),
    }
    write_result("house", values, command="python -m tools.house", seed=0)


if __name__ == "__main__":
    in_one_line(main)
