"""Small folders of pairs, built once."""

import pytest

from synclora_course.corruption import Corrupted
from synclora_lite.pairs import Exact, build, score_pairs


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNCLORA_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Three exact pairs, too small to find a face in."""
    folder = tmp_path_factory.mktemp("built")
    return folder, build(folder, Exact(frames=5, size=32), 3)


@pytest.fixture(scope="session")
def scored(tmp_path_factory):
    """One exact pair and two that are late, with their scores."""
    folder = tmp_path_factory.mktemp("scored")
    build(folder, Exact(), 1, kinds=["clothing"])
    build(folder, Corrupted(corruptions=("shift",)), 2, kinds=["clothing", "background"])
    return folder, score_pairs(folder)
