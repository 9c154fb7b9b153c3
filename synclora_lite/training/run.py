"""From a configuration file to a finished run."""

from synclora_lite.training.adapter import adapter_recipe
from synclora_lite.training.autoencoder import autoencoder_recipe
from synclora_lite.training.config import (
    AdapterConfig,
    AutoencoderConfig,
    Config,
    LTX2Config,
)
from synclora_lite.training.loop import Recipe
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
    if isinstance(config, LTX2Config):
        from synclora_lite.training.ltx2 import ltx2_recipe  # its pipeline takes seconds to import

        return ltx2_recipe(config)
    return pretrain_recipe(config)
