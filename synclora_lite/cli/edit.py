"""`synclora edit`: carry an edited first frame through a clip."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from synclora_lite.cli._options import REJECTED, AsJson, Crop, Person, Restore, Strict


def _tuned(low: float, high: float, what: str) -> Any:
    """An option whose default is what did best for the model."""
    return Option(min=low, max=high, help=what, show_default="as tuned")


def edit(
    source: Annotated[Path, Argument(help="The clip to edit: mp4, mov, webm or gif.")],
    first_frame: Annotated[Path, Option(help="Its first frame, edited: PNG, JPEG or WebP.")],
    out: Annotated[Path, Option(help="The clip to write, ending in .mp4.")],
    *,
    method: Annotated[
        str,
        Option(
            help="sync-lora, base-reference, flow-propagation, residual-propagation, "
            "deformation-propagation, i2v, copy, latent-copy, sdedit, flowedit or kv-inject."
        ),
    ] = "sync-lora",
    model: Annotated[
        str, Option(help="lite, a folder, or a downloaded hub model (LTX-Video, LTX-2).")
    ] = "lite",
    adapter: Annotated[
        list[str],
        Option(
            help="lite-adapter, a folder, a file, or a downloaded hub repository, as NAME or "
            "NAME:STRENGTH. With LTX-2 it may be repeated, the in-context adapter first."
        ),
    ] = ["lite-adapter"],
    distilled: Annotated[
        bool | None,
        Option(
            "--distilled/--dev",
            help="LTX-2: eight noise levels unguided, as the released adapter is run; or guided.",
            show_default="as the model's scheduler is made",
        ),
    ] = None,
    upsampler: Annotated[
        str | None, Option(help="LTX-2: a latent upsampler, for two stages, 512 and then 1024.")
    ] = None,
    crf: Annotated[
        int | None, Option(min=0, max=51, help="LTX-2: H.264 rate factor of the edited frame [33].")
    ] = None,
    steps: Annotated[
        int | None, Option(min=1, max=1000, help="Sampling steps.", show_default="by the model")
    ] = None,
    seed: Annotated[int, Option(min=0, help="Of the noise.")] = 0,
    reference_strength: Annotated[
        float | None, Option(min=0, max=1, help="How much the source counts.", show_default="1")
    ] = None,
    guidance: Annotated[
        float | None, _tuned(0.0, 20.0, "Above 1 pushes towards the source's motion.")
    ] = None,
    inject: Annotated[
        float | None, _tuned(0.0, 1.0, "Share of steps in which kv-inject attends to the source.")
    ] = None,
    strength: Annotated[
        float | None,
        _tuned(0.05, 1.0, "Noise level from which sdedit and flowedit draw the source anew."),
    ] = None,
    restore: Restore = False,
    align: Annotated[
        bool, Option("--align", help="Move the edited face onto that in the source's first frame.")
    ] = False,
    crop: Crop = None,
    person: Person = None,
    strict: Strict = True,
    convert: Annotated[
        bool, Option("--convert", help="Take grey, 16-bit or transparent pictures as well.")
    ] = False,
    device: Annotated[str, Option(help="cpu, cuda or mps.")] = "cpu",
    report: Annotated[
        Path | None, Option(help="The page about it.", show_default="OUT with the ending .html")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Edit a portrait clip: the first frame's edit is kept, every movement stays on its frame.

    Writes three files: the clip, a page to look at it beside its source (OUT with the ending
    .html), and OUT.json with the same report and where the edit came from.

    Exit status: 0 for an edit in sync, 3 for one that was written but rejected (0 with
    --no-strict), 1 for an error, 2 for a command line that makes no sense.
    """
    from synclora_lite import video

    clip = replace(video.read_clip(source), person=person)
    picture = video.read_image(first_frame, convert=convert)
    from synclora_lite import editing  # what cannot be read is told before the seconds of this
    from synclora_lite.editing.report import Outputs, retention_in_words
    from synclora_lite.files import sha256

    outputs = Outputs(out, report or out.with_suffix(".html"))
    outputs.check(source, first_frame)
    if crop is not None:
        clip = video.crop(clip, video.parse_box(crop))
    options = {"reference_strength": reference_strength, "guidance": guidance}
    options |= {"inject": inject, "strength": strength}
    given = {name: value for name, value in options.items() if value is not None}
    settings = editing.EditSettings(method, given, steps, seed, restore, align)
    ltx2 = None
    if (distilled, upsampler, crf) != (None, None, None):
        from synclora_lite.models.ltx2_sampling import LTX2Sampling

        ltx2 = LTX2Sampling(distilled, upsampler=upsampler, **({} if crf is None else {"crf": crf}))
    origin = editing.ModelSource(model, tuple(adapter), device, ltx2)
    with outputs.held():
        result = editing.edit_video(clip, picture, settings, origin)
        made = result.report["provenance"]
        chosen = {"crop": crop, "person": person}
        made["source"] |= {name: value for name, value in chosen.items() if value}
        made["source"]["file_sha256"] = sha256(source)
        made["first_frame"]["file_sha256"] = sha256(first_frame)
        result = outputs.write(result, f"{source.name} edited from {first_frame.name}")
    sync = result.report["sync"]
    if as_json:
        typer.echo(json.dumps(result.report, indent=2))
    else:
        for warning in result.report["warnings"]:
            typer.echo(f"Warning: {warning}", err=True)
        kept = retention_in_words(result.report)
        typer.echo(f"{outputs.clip}: {len(result.clip)} frames; sync: {sync['verdict']}; {kept}")
        for reason in sync["reasons"]:
            typer.echo(f"  - {reason}")
        typer.echo(f"{outputs.page}: source and edit side by side")
    if strict and sync["verdict"] == "reject":
        raise typer.Exit(REJECTED)
