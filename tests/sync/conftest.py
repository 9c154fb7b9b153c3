"""A rendered pair for all tests of this folder, and a cache of their own."""

import pytest

from tests.sync.clips import make_pair


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """Keep the landmarks of the tests apart from those of the user."""
    patch = pytest.MonkeyPatch()
    patch.setenv("SYNCLORA_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


@pytest.fixture(scope="session")
def rendered():
    """Render 25 frames of one motion with an edit, SPARE more at both ends of the edit."""
    return make_pair(seed=3)
