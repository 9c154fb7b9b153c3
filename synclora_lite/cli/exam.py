"""`synclora exam`: edit held-out portraits with a method and judge every clip."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from synclora_lite.evaluation import Exam

HEADLINE = ("sync", "edit_kept", "blink_f1", "in_time", "psnr", "ssim", "identity")


def exam(
    method: Annotated[
        list[str],
        typer.Option(help="A method of `synclora edit`, truth, or ceiling; may be repeated."),
    ],
    *,
    clips: Annotated[int, typer.Option(help="How many held-out clips.", min=1)] = 64,
    seed: Annotated[int, typer.Option(help="Of the clips.", min=0)] = 0,
    size: Annotated[int, typer.Option(help="Side of the clips in pixels.", min=16)] = 96,
    frames: Annotated[int, typer.Option(help="Of each clip.", min=2)] = 17,
    condition: Annotated[
        str, typer.Option(help="exact, moved, redrawn or lively: how hard the cases are.")
    ] = "exact",
    model: Annotated[str, typer.Option(help="lite or a folder.")] = "lite",
    adapter: Annotated[str, typer.Option(help="lite-adapter or a folder.")] = "lite-adapter",
    steps: Annotated[int, typer.Option(help="Of the sampler.", min=1)] = 20,
    restoration: Annotated[
        str, typer.Option(help="none, source, both or carried: the output step, see synclora edit.")
    ] = "none",
    strength: Annotated[
        float | None,
        typer.Option(
            min=0.05,
            max=1,
            help="Where sampling begins, see synclora edit.",
            show_default="as tuned",
        ),
    ] = None,
    register: Annotated[
        bool, typer.Option("--register", help="Register first frames, see synclora edit.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Where judged clips are kept.")] = Path("runs/exam"),
    plot: Annotated[Path | None, typer.Option(help="Draw sync against edit kept (PNG).")] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Write data/results/exam_METHOD.json.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
) -> None:
    """Examine methods on held-out portraits; an exam that was stopped goes on where it was."""
    from synclora_lite.evaluation import Exam, plot_pareto, record_exam, run_exam, summarize

    results: dict[str, dict[str, Any]] = {}
    for name in method:
        asked = {"adapter": adapter, "restoration": restoration, "strength": strength}
        asked["register"] = register
        options = _options(name, model, steps, asked)
        settings = Exam(name, seed, size, frames, condition, options=options)
        rows = run_exam(settings, clips, folder=out, progress=sys.stderr.isatty())
        if record:
            record_exam(settings, rows)
        results[settings.label] = {"exam": _describe(settings), **summarize(rows)}
    if plot is not None:
        plot_pareto(results).save(plot)
    if as_json:
        typer.echo(json.dumps(results, indent=2))
    else:
        _show(results)


def _options(method: str, model: str, steps: int, adapted: dict[str, Any]) -> dict[str, Any]:
    """Leave out what a method does not look at, so that it does not count as another exam."""
    from synclora_lite.editing.methods import METHODS, find_method
    from synclora_lite.evaluation.exam import REFERENCES

    if method in REFERENCES:
        return {"model": model} if method == "ceiling" else {}
    chosen = find_method(method, {})
    registered = {"register": True} if adapted["register"] else {}
    if not chosen.needs_model:
        return registered
    own = [*chosen.options, *(["adapter"] if chosen.needs_adapter else [])]
    own += ["restoration"] if chosen.restorable else []
    idle: dict[str, Any] = {
        "restoration": "none",
        "strength": None,
    }  # what changes nothing is not recorded
    if method == "sync-lora":
        idle["strength"] = METHODS[method].options["strength"]
    asked = {
        n: value for n, value in adapted.items() if n in own and value not in (None, idle.get(n))
    }
    return {"model": model, "steps": steps, **asked, **registered}


def _describe(settings: "Exam") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(settings) | {"weights": settings.weights()}


def _show(results: dict[str, dict[str, Any]]) -> None:
    width = max(14, *map(len, results))
    typer.echo(f"{'method':<{width}} clips " + " ".join(f"{name:>10}" for name in HEADLINE))
    for method, result in results.items():
        cells = (result["all"].get(name) for name in HEADLINE)
        figures = " ".join(f"{cell['mean']:>10.3f}" if cell else f"{'-':>10}" for cell in cells)
        typer.echo(f"{method:<{width}} {result['clips']:>5} {figures}")
