"""A landmark cache of our own, so that tests neither use nor fill the reader's."""

import pytest

from synclora_course.exam import running
from synclora_lite.evaluation import edit_kept, psnr


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNCLORA_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def pixels_only(monkeypatch):
    """Judge by pixels alone, which takes no time."""

    def evaluate_edit(source, truth, output):
        return {"edit_kept": edit_kept(source, truth, output), "psnr": psnr(truth, output)}

    monkeypatch.setattr(running, "evaluate_edit", evaluate_edit)
