"""`synclora first-frame`: paint an edited first frame for `synclora edit`."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from synclora_lite.cli._options import Crop


def first_frame(
    source: Annotated[Path, Argument(help="The clip whose first frame is edited.")],
    out: Annotated[Path, Option("--out", help="The picture to write, ending in .png.")],
    *,
    background: Annotated[
        str | None, Option(help='Put a colour behind the person: "teal" or "#rrggbb".')
    ] = None,
    recolour: Annotated[str | None, Option(help="Give the hair this colour.")] = None,
    smile: Annotated[bool, Option("--smile", help="Make the person smile.")] = False,
    glasses: Annotated[bool, Option("--glasses", help="Put glasses on.")] = False,
    hat: Annotated[bool, Option("--hat", help="Put a knitted hat on.")] = False,
    crop: Crop = None,
) -> None:
    """Edit a clip's first frame without an image model: paint on it where the landmarks say."""
    from synclora_lite import video
    from synclora_lite.editing import first_frame as paint
    from synclora_lite.errors import EditError

    if out.suffix.lower() != ".png":
        raise EditError(f"the output {out.name}", "a name ending in .png", "rename it")
    if not (background or recolour or smile or glasses or hat):
        expected = "--background, --recolour, --smile, --glasses or --hat"
        raise EditError("no edit was asked for", expected)
    clip = video.read_clip(source)
    picture = (clip if crop is None else video.crop(clip, video.parse_box(crop))).frames[0]
    if background:
        picture = paint.replace_background(picture, background)
    if recolour:
        picture = paint.recolour_hair(picture, recolour)
    if smile:
        picture = paint.add_smile(picture)
    if glasses:
        picture = paint.draw_glasses(picture)
    if hat:
        picture = paint.draw_hat(picture)
    video.write_image(out, picture)
    typer.echo(f"{out}: pass it on with synclora edit {source} --first-frame {out}")
