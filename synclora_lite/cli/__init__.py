"""The command line: `synclora COMMAND`. Each command is imported when it is asked for.

Exit status 0 is done, 1 a failure told in one line, 2 a command line that makes no sense, 3 the
verdict "reject" of `score` and `edit`.
"""

import sys
from importlib import import_module
from typing import Annotated, Any, NoReturn, cast

import typer
import typer.core

from synclora_lite import __version__
from synclora_lite.cli._errors import end, guarded, quiet_libraries, stop_on_terminate
from synclora_lite.cli.renamed import current
from synclora_lite.errors import ConfigError

# Command: (module, line of help). A module without dots is one of this package. It holds a function
# of the command's name, or a Typer `app` for a group of commands.
COMMANDS: dict[str, tuple[str, str]] = {
    "doctor": ("doctor", "Check this machine, or show where an edited clip came from."),
    "score": ("score", "Measure how well an edited clip keeps time with its source."),
    "pairs": ("pairs", "Build, score, filter, realign, export and import training pairs."),
    "train": ("train", "Train the in-context adapter."),
    "estimate": ("estimate", "Estimate memory and time of training or editing."),
    "first-frame": (
        "synclora_course.first_frame",
        "Paint an edited first frame, without an image model.",
    ),
    "edit": ("edit", "Carry an edited first frame through a clip."),
    "exam": ("exam", "Examine editing methods on held-out portraits."),
    "course": ("synclora_course.cli", "Make the notebooks of students and instructors."),
}


class Commands(typer.core.TyperGroup):
    """The commands of the table above, listed without importing any of them."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = cast("Any", dict.fromkeys(COMMANDS))  # names, for "Did you mean ...?"

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import one command; the course is a package of its own, which may be missing."""
        if cmd_name not in COMMANDS:
            return None
        name = COMMANDS[cmd_name][0]
        try:
            module = import_module(name if "." in name else f"synclora_lite.cli.{name}")
        except ModuleNotFoundError as error:
            package = name.partition(".")[0]
            if (error.name or "").partition(".")[0] != package:
                raise
            advice = "run: pip install --force-reinstall synclora-lite"
            what = f"{package} is not installed"
            raise ConfigError(what, "it beside synclora_lite", advice) from error
        if isinstance(getattr(module, "app", None), typer.Typer):
            return typer.main.get_group(module.app)
        parent = typer.Typer(add_completion=False, rich_markup_mode=None)
        parent.command(cmd_name)(getattr(module, cmd_name.replace("-", "_")))
        return typer.main.get_command(parent)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands for `synclora --help`."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> bool:
    if asked:
        typer.echo(f"synclora-lite {__version__}")
        raise typer.Exit
    return asked


@app.callback()
def synclora(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print it.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Edit portrait videos in sync with their source, and learn how that works."""


def run(arguments: list[str]) -> int:
    """Run one command line in this process and return its exit status."""
    command = typer.main.get_command(app)
    if arguments[:1] in (["edit"], ["exam"], ["pairs"]):
        arguments = list(current(arguments))
    return guarded(lambda: command.main(arguments, prog_name="synclora"))


def main() -> NoReturn:
    """Run the command line of this process; the entry point of the `synclora` script."""
    quiet_libraries()
    stop_on_terminate()
    end(run(sys.argv[1:]))
