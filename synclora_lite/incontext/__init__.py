"""The in-context adapter: its settings, its files, and the key formats of other programs."""

from synclora_lite.incontext.adapter import (
    AdapterSettings,
    adapter_weights,
    add_adapter,
    load_adapter,
    read_adapter,
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

__all__ = [
    "AdapterSettings",
    "Coverage",
    "KeyFormat",
    "adapter_file",
    "adapter_weights",
    "add_adapter",
    "coverage",
    "from_any_format",
    "load_adapter",
    "read_adapter",
    "read_weights",
    "save_adapter",
    "to_format",
]
