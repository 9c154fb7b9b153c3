"""`synclora pretrain` and `synclora train`: run the training that a TOML file describes.

On several GPUs: `accelerate launch -m synclora_lite.cli train CONFIG.toml`.
"""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path, typer.Argument(help="A TOML file; see configs/ for those used here.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress bar.")]


def pretrain(config: Config, *, quiet: Quiet = False) -> None:
    """Train the autoencoder or the base model; goes on from the newest checkpoint."""
    _run(config, ("autoencoder", "pretrain"), quiet)


def train(config: Config, *, quiet: Quiet = False) -> None:
    """Train the in-context adapter; goes on from the newest checkpoint."""
    _run(config, ("adapter",), quiet)


def _run(path: Path, recipes: tuple[str, ...], quiet: bool) -> None:
    from synclora_lite.errors import ConfigError
    from synclora_lite.training import load_config, recipe_for
    from synclora_lite.training import train as run
    from synclora_lite.training.config import RECIPES
    from synclora_lite.training.processes import process_group

    config, out = load_config(path)
    name = next(n for n, kind in RECIPES.items() if isinstance(config, kind))
    if name not in recipes:
        other = "train" if name == "adapter" else "pretrain"
        raise ConfigError(
            f"{path} has the recipe {name}", " or ".join(recipes), f"run synclora {other}"
        )
    group = process_group(config.loop.device)
    final = run(recipe_for(config), config.loop, out, progress=not quiet)
    if group.is_main_process:
        typer.echo(f"Trained weights are in {final}")
    group.destroy_process_group()
