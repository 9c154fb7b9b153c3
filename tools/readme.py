"""Put the numbers of data/results into the README: ``python -m tools.readme``.

    <!-- quote commands | {make_book_seconds:.0f} -->586<!-- end -->

holds what `quote` makes of that template. A row of a table whose first cell is a method in
backticks ends with the means of its exam: sync, edit kept, PSNR.
"""

import re

from synclora_course.quote import quote
from synclora_lite.errors import in_one_line
from synclora_lite.files import PROJECT, write_atomic

README = PROJECT / "README.md"
QUOTE = re.compile(
    r"(?P<head><!-- quote (?P<name>[\w+-]+) \| (?P<template>.*?) -->).*?<!-- end -->"
)
ROW = re.compile(r"^(?P<head>\| `(?P<name>[\w+-]+)` \|[^|]*\|)[^|]*\|[^|]*\|[^|]*\|$", re.MULTILINE)
MEANS = " {all.sync.mean:.2f} | {all.edit_kept.mean:.2f} | {all.psnr.mean:.1f} dB |"


def filled(text: str) -> str:
    """Return the README with every number as the results have it.

    Raises:
        ArtifactError: A results file, or a value in it, does not exist.

    """
    text = QUOTE.sub(
        lambda found: f"{found['head']}{quote(found['name'], found['template'])}<!-- end -->", text
    )
    return ROW.sub(lambda found: f"{found['head']}{quote('exam_' + found['name'], MEANS)}", text)


def main() -> None:
    """Write the README again."""
    write_atomic(README, filled(README.read_text()))


if __name__ == "__main__":
    in_one_line(main)
