"""Train the autoencoder or the base model: ``python -m recipes CONFIG.toml``.

Goes on from the newest checkpoint. Pairs and their latents are made by ``python -m recipes.bank``.
"""

import argparse
from pathlib import Path

from recipes.autoencoder import autoencoder_recipe
from recipes.config import AutoencoderConfig, Config, load
from recipes.pretrain import pretrain_recipe
from synclora_lite.errors import in_one_line
from synclora_lite.training import Recipe, train
from synclora_lite.training.team import join


def recipe_for(config: Config) -> Recipe:
    """Return the recipe that a configuration describes, on this process's own GPU.

    Raises:
        ConfigError: This machine has no such device, or the settings do not fit the bank.

    """
    join(config.loop.device)
    if isinstance(config, AutoencoderConfig):
        return autoencoder_recipe(config)
    return pretrain_recipe(config)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path, help="a TOML file beside this one")
    parser.add_argument("--quiet", action="store_true", help="show no progress bar")
    wanted = parser.parse_args()
    config, out = load(wanted.config)
    final = train(recipe_for(config), config.loop, out, progress=not wanted.quiet)
    if join(config.loop.device).leads:
        print(f"Trained weights are in {final}")


if __name__ == "__main__":
    in_one_line(main)
