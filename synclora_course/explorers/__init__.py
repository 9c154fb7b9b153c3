"""Things to drag in a page: self-contained HTML and JavaScript, each with a still."""

from synclora_lite.explorers.attention import attention_explorer
from synclora_lite.explorers.grid import grid_explorer
from synclora_lite.explorers.page import Explorer
from synclora_lite.explorers.sync import sync_explorer

__all__ = ["Explorer", "attention_explorer", "grid_explorer", "sync_explorer"]
