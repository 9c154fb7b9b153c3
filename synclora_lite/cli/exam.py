"""`synclora exam`: edit held-out portraits with a method and judge every clip."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

from synclora_lite.cli._options import AsJson, Record, Restore

HEADLINE = ("sync", "edit_kept", "blink_f1", "in_time", "psnr", "ssim", "identity")


def exam(
    method: Annotated[
        list[str], Option(help="A method of `synclora edit`, truth, or ceiling; may be repeated.")
    ],
    *,
    clips: Annotated[int, Option(help="How many held-out clips.", min=1)] = 64,
    seed: Annotated[int, Option(help="Of the clips.", min=0)] = 0,
    size: Annotated[int, Option(help="Side of the clips in pixels.", min=16)] = 96,
    frames: Annotated[int, Option(help="Of each clip.", min=2)] = 17,
    condition: Annotated[
        str, Option(help="moved, redrawn, lively, turned, occluded, relit, long or real-like.")
    ] = "exact",
    model: Annotated[str, Option(help="lite or a folder.")] = "lite",
    adapter: Annotated[str, Option(help="lite-adapter or a folder.")] = "lite-adapter",
    steps: Annotated[int | None, Option(help="Of the sampler.", min=1)] = None,
    restore: Restore = False,
    out: Annotated[Path, Option(help="Where judged clips are kept.")] = Path("runs/exam"),
    record: Record = False,
    as_json: AsJson = False,
) -> None:
    """Examine methods on held-out portraits; an exam that was stopped goes on where it was."""
    from synclora_lite.evaluation import Exam, record_exam, run_exam, summarize

    results: dict[str, dict[str, Any]] = {}
    asked = {"model": model, "steps": steps, "adapter": adapter, "restore": restore}
    for name in method:
        options = {n: value for n, value in asked.items() if n in _looked_at(name) and value}
        settings = Exam(name, seed, size, frames, condition, options=options)
        rows = run_exam(settings, clips, folder=out, progress=sys.stderr.isatty())
        if record:
            record_exam(settings, rows)
        described = settings.to_dict() | {"weights": settings.weights()}
        results[settings.label] = {"exam": described, **summarize(rows)}
    if as_json:
        typer.echo(json.dumps(results, indent=2))
        return
    width = max(14, *map(len, results))
    typer.echo(f"{'method':<{width}} clips " + " ".join(f"{name:>10}" for name in HEADLINE))
    for label, result in results.items():
        cells = (result["all"].get(name) for name in HEADLINE)
        means = " ".join(f"{cell['mean']:>10.3f}" if cell else f"{'-':>10}" for cell in cells)
        typer.echo(f"{label:<{width}} {result['clips']:>5} {means}")


def _looked_at(name: str) -> list[str]:
    """Name the options that a method looks at; the others make no other exam of it."""
    from synclora_lite.editing.methods import find_method
    from synclora_lite.evaluation.exam import REFERENCES

    if name in REFERENCES:
        return ["model"] if name == "ceiling" else []
    method = find_method(name, {})
    looked = ["model", "steps"] if method.needs_model else []
    looked += ["adapter"] if method.needs_adapter else []
    return [*looked, "restore"] if method.restorable else looked
