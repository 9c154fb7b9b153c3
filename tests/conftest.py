"""Checks every annotated shape while the tests run; says what comes late and what stays together.

`make test` runs two processes: each takes the next group of tests when it is through with one. The
pages come when all chapters have been executed, and before the slow tests of the package, which
keep the other process busy meanwhile.
"""

from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook
from xdist.scheduler import LoadScopeScheduling

PACKAGES = ("synclora_lite", "synclora_course", "recipes", "benchmarks")
install_import_hook(PACKAGES, "beartype.beartype")
# no deadline: another process may hold the cores
settings.register_profile("same everywhere", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("same everywhere")

LATE = ("notebooks", "evaluation", "book", "robustness", "training", "pairs", "portraits")
TOGETHER = ("book", "pairs", "sync")  # their files share what takes long to make
TESTS = Path(__file__).parent


class Groups(LoadScopeScheduling):
    """Gives a process one group after the other, in the order of the tests."""

    def __init__(self, config, log):
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        """Return the group of a test: its file or its folder; its chapter if it executes one."""
        path, _, name = nodeid.partition("::")
        folder = Path(path).parts[1]
        if folder == "notebooks":
            return path + name.partition("[")[2]
        return folder if folder in TOGETHER else path


def pytest_xdist_make_scheduler(config, log):
    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the quick tests first."""
    items.sort(key=lambda item: _place(item.path))


def _place(path: Path) -> int:
    folder = path.relative_to(TESTS).parts[0]
    return LATE.index(folder) + 1 if folder in LATE else 0
