"""In-context adaptation: reference and target in one sequence, and a LoRA that reads it."""

from synclora_lite.incontext.adapter import (
    ATTENTION,
    FEED_FORWARD,
    SELF_ATTENTION,
    AdapterSettings,
    adapter_weights,
    add_adapter,
    load_adapter,
    save_adapter,
)
from synclora_lite.incontext.formats import (
    Coverage,
    KeyFormat,
    adapter_file,
    coverage,
    from_any_format,
    read_weights,
    to_format,
)
from synclora_lite.incontext.sequence import Sequence, assemble, flow_loss

__all__ = [
    "ATTENTION",
    "FEED_FORWARD",
    "SELF_ATTENTION",
    "AdapterSettings",
    "Coverage",
    "KeyFormat",
    "Sequence",
    "adapter_file",
    "adapter_weights",
    "add_adapter",
    "assemble",
    "coverage",
    "flow_loss",
    "from_any_format",
    "load_adapter",
    "read_weights",
    "save_adapter",
    "to_format",
]
