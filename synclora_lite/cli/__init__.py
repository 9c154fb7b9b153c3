"""The command line: `synclora COMMAND`. Commands import the rooms they need when they run.

Exit status 0 is done, 1 a failure told in one line, 2 a command line that makes no sense, 3 the
verdict "reject" of `score` and `edit`.
"""

import sys
from collections.abc import Iterator
from typing import Annotated, Any, NoReturn

import typer

from synclora_lite import __version__
from synclora_lite.cli import doctor, edit, pairs, score, train
from synclora_lite.cli._errors import end, guarded, start
from synclora_lite.cli._options import of_course
from synclora_lite.errors import ConfigError

RENAMED = {  # old words, which answer for one release with a line that says the new one
    "--start": "--strength", "--sync-guidance": "--guidance", "--fault": "--corruption",
    "flow-warp": "flow-propagation", "residual-warp": "residual-propagation",
    "bend-warp": "deformation-propagation",
}  # fmt: skip

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None,
    pretty_exceptions_enable=False,
)  # fmt: skip


def _print_version(asked: bool) -> bool:
    if asked:
        typer.echo(f"synclora-lite {__version__}")
        raise typer.Exit
    return asked


@app.callback()
def synclora(
    version: Annotated[
        bool, typer.Option("--version", help="Print it.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Edit portrait videos in sync with their source, and learn how that works."""


def _of_course(name: str) -> Any:
    """Return a command of the course, or one that says that it is missing."""
    try:
        return getattr(of_course("cli"), name)
    except ConfigError as error:
        why = error

    def missing(arguments: Annotated[list[str] | None, typer.Argument()] = None) -> None:
        raise why

    return missing


COMMANDS: dict[str, tuple[Any, str]] = {
    "doctor": (doctor.doctor, "Check this machine, or show where an edited clip came from."),
    "score": (score.score, "Measure how well an edited clip keeps time with its source."),
    "pairs": (pairs.app, "Build, score, filter, realign, export and import training pairs."),
    "train": (train.train, "Train the in-context adapter."),
    "estimate": (_of_course("estimate"), "Estimate memory and time of training or editing."),
    "first-frame": (_of_course("first_frame"), "Paint a first frame, without an image model."),
    "edit": (edit.edit, "Carry an edited first frame through a clip."),
    "exam": (_of_course("exam"), "Examine editing methods on held-out portraits."),
    "course": (_of_course("app"), "Make the notebooks of students and instructors."),
}
for _name, (_command, _line) in COMMANDS.items():
    if isinstance(_command, typer.Typer):
        app.add_typer(_command, name=_name, short_help=_line)
    else:
        app.command(_name, short_help=_line)(_command)


def run(arguments: list[str]) -> int:
    """Run one command line in this process and return its exit status."""
    command = typer.main.get_command(app)
    if arguments[:1] in (["edit"], ["exam"], ["pairs"]):
        arguments = list(_current(arguments))
    return guarded(lambda: command.main(arguments, prog_name="synclora"))


def _current(arguments: list[str]) -> Iterator[str]:
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


def main() -> NoReturn:
    """Run the command line of this process; the entry point of the `synclora` script."""
    start()
    end(run(sys.argv[1:]))
