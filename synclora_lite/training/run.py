"""From a configuration file to a finished run."""

from pathlib import Path

from synclora_lite.training.adapter import adapter_recipe
from synclora_lite.training.autoencoder import autoencoder_recipe
from synclora_lite.training.config import (
    AdapterConfig,
    AutoencoderConfig,
    Config,
    load_config,
)
from synclora_lite.training.loop import Recipe, train
from synclora_lite.training.pretrain import pretrain_recipe
from synclora_lite.training.team import join


def recipe_for(config: Config) -> Recipe:
    """Return the recipe that a configuration describes, on this process's own GPU.

    Raises:
        ConfigError: This machine has no such device, or the settings do not fit the bank.

    """
    join(config.loop.device)
    if isinstance(config, AutoencoderConfig):
        return autoencoder_recipe(config)
    if isinstance(config, AdapterConfig):
        return adapter_recipe(config)
    return pretrain_recipe(config)


def run_config(path: str | Path, *, progress: bool = True) -> Path:
    """Run the training that a TOML file describes; see `load_config` and `train` for errors.

    Returns:
        The folder with the trained weights.

    """
    config, out = load_config(path)
    return train(recipe_for(config), config.loop, out, progress=progress)
