"""`synclora train`; on several GPUs: `accelerate launch -m synclora_lite.cli train CONFIG.toml`."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option


def train(
    config: Annotated[Path, Argument(help="A TOML file; see configs/ for those used here.")],
    *,
    quiet: Annotated[bool, Option("--quiet", help="Show no progress bar.")] = False,
) -> None:
    """Train the in-context adapter; goes on from the newest checkpoint."""
    from synclora_lite.training import adapter_recipe, load_config
    from synclora_lite.training import train as run
    from synclora_lite.training.processes import keep_freed_memory, process_group

    settings, out = load_config(config)
    keep_freed_memory()
    group = process_group(settings.loop.device)
    final = run(adapter_recipe(settings), settings.loop, out, progress=not quiet)
    if group.is_main_process:
        typer.echo(f"Trained weights are in {final}")
    group.destroy_process_group()
