"""From a configuration to the recipe that it describes."""

from synclora_lite.training.adapter import adapter_recipe
from synclora_lite.training.config import Config, LTX2Config
from synclora_lite.training.loop import Recipe
from synclora_lite.training.processes import process_group


def recipe_for(config: Config) -> Recipe:
    """Return the recipe that a configuration describes, on this process's own GPU.

    Raises:
        ConfigError: This machine has no such device, or the settings do not fit the pairs.

    """
    process_group(config.loop.device)
    if isinstance(config, LTX2Config):
        from synclora_lite.training.ltx2 import ltx2_recipe  # its pipeline takes seconds to import

        return ltx2_recipe(config)
    return adapter_recipe(config)
