"""`synclora first-frame`: paint an edited first frame for `synclora edit`."""

from pathlib import Path
from typing import Annotated

import typer


def first_frame(
    source: Annotated[Path, typer.Argument(help="The clip whose first frame is edited.")],
    out: Annotated[Path, typer.Option("--out", help="The picture to write, ending in .png.")],
    *,
    background: Annotated[
        str | None, typer.Option(help='Put a colour behind the person: "teal" or "#rrggbb".')
    ] = None,
    recolour: Annotated[str | None, typer.Option(help="Give the hair this colour.")] = None,
    smile: Annotated[bool, typer.Option("--smile", help="Make the person smile.")] = False,
    glasses: Annotated[bool, typer.Option("--glasses", help="Put glasses on.")] = False,
    hat: Annotated[bool, typer.Option("--hat", help="Put a knitted hat on.")] = False,
    crop: Annotated[
        str | None, typer.Option(help="x0,y0,x1,y1 in pixels: the part of the clip to take.")
    ] = None,
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
    clip = video.read_clip(source, crop=video.parse_box(crop) if crop is not None else None)
    picture = clip.frames[0]
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
