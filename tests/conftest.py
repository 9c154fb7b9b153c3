"""Checks every annotated shape while the tests run, and runs the quick tests first."""

from pathlib import Path

import pytest
from jaxtyping import install_import_hook

install_import_hook("synclora_lite", "beartype.beartype")

SLOW_FOLDERS = ("notebooks", "book")
TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that execute notebooks and open pages after all others."""
    items.sort(key=lambda item: _place(item.path))


def _place(path: Path) -> int:
    folder = path.relative_to(TESTS).parts[0]
    return SLOW_FOLDERS.index(folder) + 1 if folder in SLOW_FOLDERS else 0
