"""What several commands share."""

from importlib import import_module
from typing import Annotated, Any

from typer import Option

from synclora_lite.errors import ConfigError

REJECTED = 3  # exit status

AsJson = Annotated[bool, Option("--json", help="Print the result as JSON.")]
Crop = Annotated[str | None, Option(help="x0,y0,x1,y1 in pixels: the part of the clip to take.")]
Jobs = Annotated[int, Option(help="Processes.", min=1)]
Person = Annotated[
    int | None, Option(min=1, help="Of several, from the left.", show_default="largest face")
]
Record = Annotated[bool, Option("--record", help="Write the result below data/results.")]
Restore = Annotated[bool, Option("--restore", help="Take from optical flow what looks the same.")]
Strict = Annotated[bool, Option("--strict/--no-strict", help="End with status 3 on reject.")]


def of_course(module: str) -> Any:
    """Return a module of the course, a package of its own; ConfigError if it is not installed."""
    try:
        return import_module(f"synclora_course.{module}")
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("synclora_course"):
            raise
        advice = "run: pip install --force-reinstall synclora-lite"
        what, expected = "synclora_course is not installed", "it beside synclora_lite"
        raise ConfigError(what, expected, advice) from error
