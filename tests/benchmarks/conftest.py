"""A landmark cache of our own, so that tests neither use nor fill the reader's."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNCLORA_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
