"""Old words of the command line, which answer for one release with a line that says the new one."""

from collections.abc import Iterator

import typer

RENAMED = {
    "--start": "--strength",
    "--sync-guidance": "--guidance",
    "flow-warp": "flow-propagation",
    "residual-warp": "residual-propagation",
    "bend-warp": "deformation-propagation",
}


def current(arguments: list[str]) -> Iterator[str]:
    """Yield the arguments of `edit` or `exam` with the words they have now."""
    for place, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        words = [option, value] if equals else [argument]
        after_method = equals or arguments[place - 1] == "--method"
        new = [
            RENAMED.get(word, word) if word.startswith("--") or after_method else word
            for word in words
        ]
        for old, now in zip(words, new, strict=True):
            if old != now:
                typer.echo(f"Note: {old} is now {now}", err=True)
        yield equals.join(new)
