"""Old words of the command line, which answer for one release with a line that says the new one."""

from collections.abc import Iterator

import typer

RENAMED = {
    "--start": "--strength",
    "--sync-guidance": "--guidance",
    "flow-warp": "flow-propagation",
    "residual-warp": "residual-propagation",
    "bend-warp": "deformation-propagation",
    "--fault": "--corruption",
}


def current(arguments: list[str]) -> Iterator[str]:
    """Yield the arguments of a command with the words they have now."""
    before = ""
    for argument in arguments:
        option, equals, value = argument.partition("=")
        is_method = before == "--method" or (bool(equals) and option == "--method")
        word = (value if equals else argument) if is_method else option
        new = RENAMED.get(word, word) if is_method or word.startswith("--") else word
        if new != word:
            typer.echo(f"Note: {word} is now {new}", err=True)
        before = argument
        yield argument.replace(word, new, 1) if new != word else argument
