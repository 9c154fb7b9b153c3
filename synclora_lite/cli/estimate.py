"""`synclora estimate`: memory and time of training or editing, before anything is loaded."""

from dataclasses import replace
from typing import Annotated

import typer
from typer import Option


def estimate(
    *,
    model: Annotated[
        str, Option(help="ltx-video-2b, ltx-video-13b, ltx-2.3, lite, a folder or hub name.")
    ] = "ltx-video-2b",
    frames: Annotated[int, Option(min=1, help="Frames of a clip.")] = 81,
    size: Annotated[int, Option(min=1, help="Side of the clip in pixels.")] = 512,
    rank: Annotated[int, Option(min=1, help="Rank of the adapter.")] = 128,
    batch: Annotated[int, Option(min=1, help="Clips at once.")] = 1,
    gpu: Annotated[float, Option(min=0.1, help="Memory of the card in GB.")] = 24.0,
    teraflops: Annotated[
        float, Option(min=0.01, help="The card's peak rate in bfloat16, TFLOP/s.")
    ] = 165.0,
    edit: Annotated[bool, Option("--edit", help="Estimate an edit, not training.")] = False,
    checkpointing: Annotated[
        bool, Option("--checkpointing", help="Recompute activations.")
    ] = False,
    eight_bit: Annotated[bool, Option("--8bit", help="8-bit AdamW.")] = False,
    offload: Annotated[
        bool, Option("--offload", help="The autoencoder waits in main memory.")
    ] = False,
    int8: Annotated[
        bool, Option("--int8", help="The frozen base in 8 bits (training of ltx-2.3).")
    ] = False,
    block_offload: Annotated[
        bool,
        Option("--block-offload", help="Frozen blocks wait in main memory (training of ltx-2.3)."),
    ] = False,
) -> None:
    """Estimate memory by part and time per step, and say what to switch if it does not fit."""
    from synclora_lite.errors import ConfigError
    from synclora_lite.training.estimate import UTILISATION, advice
    from synclora_lite.training.estimate import estimate as run
    from synclora_lite.training.without_data import Job

    if (int8 or block_offload) and (edit or model != "ltx-2.3"):
        asked = "--int8" if int8 else "--block-offload"
        raise ConfigError(f"{asked} for this", "--model ltx-2.3 without --edit", "leave it out")
    job = Job(
        model, frames, size, rank, batch, checkpointing, eight_bit, offload, training=not edit
    )
    job = replace(job, quantise="int8" if int8 else "none", block_offload=block_offload)
    found = run(job)
    for part, count in found.parameters.items():
        typer.echo(f"{part:32s} {count / 1e6:10.1f} million parameters")
    for part, value in found.memory.items():
        typer.echo(f"{part:32s} {value / 1e9:10.2f} GB")
    typer.echo(f"{'peak':32s} {found.peak / 1e9:10.2f} GB of {gpu:g}")
    step = "sampling step" if edit else "training step"
    typer.echo(
        f"{step:32s} {found.operations / 1e12:10.1f} TFLOP, {found.seconds(teraflops):.2f} s at "
        f"{UTILISATION:.0%} of {teraflops:g} TFLOP/s, {found.tokens} tokens"
    )
    fits = found.peak <= gpu * 1e9
    typer.echo("It fits." if fits else "It does not fit. What helps:")
    for line in () if fits else advice(job, gpu):
        typer.echo(f"  {line}")
