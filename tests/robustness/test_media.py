"""A short run of the script `media`: spoiled files are read or refused, never lost."""

from pathlib import Path

import pytest

from synclora_lite.video import VideoError, read_clip
from tests.robustness.media import run
from tests.robustness.mutations import MUTATIONS, Case, cases, seeds


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One good file of every kind."""
    return seeds(tmp_path_factory.mktemp("good"))


def test_no_spoiled_file_is_lost(good: dict[str, bytes], tmp_path: Path) -> None:
    outcomes = list(run(cases(good, 3 * len(MUTATIONS), seed=7), tmp_path))
    assert not [outcome for outcome in outcomes if outcome.fault]
    assert 0 < sum(outcome.read for outcome in outcomes) < len(outcomes)


def test_every_good_file_is_read(good: dict[str, bytes], tmp_path: Path) -> None:
    outcomes = run((Case("good", name, data) for name, data in good.items()), tmp_path)
    assert all(outcome.read and not outcome.fault for outcome in outcomes)


def test_a_wide_clip_of_few_bytes_is_refused_before_it_fills_the_memory(
    good: dict[str, bytes], tmp_path: Path
) -> None:
    """A GIF of 22 kB whose header says 16,384 x 16,384: 12 frames of 805 MB each."""
    side = (16384).to_bytes(2, "little")
    path = tmp_path / "wide.gif"
    path.write_bytes(good["colours.gif"][:6] + side + side + good["colours.gif"][10:])
    with pytest.raises(VideoError):
        read_clip(path)
