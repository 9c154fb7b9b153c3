"""Training: configuration, banks of latents, one resumable loop, and the recipes run on it."""

from synclora_lite.training.adapter import adapter_recipe
from synclora_lite.training.bank import LatentDataset, seeded, shuffled_rows, write_shard
from synclora_lite.training.config import AdapterConfig, LoopConfig, load_config
from synclora_lite.training.log import read_log
from synclora_lite.training.loop import Recipe, train
