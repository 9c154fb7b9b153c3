"""What several commands share."""

from typing import Annotated

from typer import Option

REJECTED = 3  # exit status

AsJson = Annotated[bool, Option("--json", help="Print the result as JSON.")]
Crop = Annotated[str | None, Option(help="x0,y0,x1,y1 in pixels: the part of the clip to take.")]
Jobs = Annotated[int, Option(help="Processes.", min=1)]
Person = Annotated[
    int | None, Option(min=1, help="Of several, from the left.", show_default="largest face")
]
Strict = Annotated[bool, Option("--strict/--no-strict", help="End with status 3 on reject.")]
