"""Options that several commands share."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Jobs = Annotated[int, typer.Option(help="Processes.", min=1)]
Person = Annotated[
    int | None,
    typer.Option(
        min=1, help="Of several people, by number from the left.", show_default="largest face"
    ),
]
Strict = Annotated[bool, typer.Option("--strict/--no-strict", help="End with status 3 on reject.")]
