"""Things to drag in a page: self-contained HTML and JavaScript, each with a still."""

from synclora_course.explorers.attention import attention_explorer
from synclora_course.explorers.grid import grid_explorer
from synclora_course.explorers.page import Explorer
from synclora_course.explorers.sync import sync_explorer

__all__ = ["Explorer", "attention_explorer", "grid_explorer", "sync_explorer"]
