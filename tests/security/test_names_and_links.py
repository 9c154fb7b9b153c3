"""File names with any character in them, and links that lead elsewhere."""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock
from urllib.request import Request

import pytest

from synclora_lite import artifacts
from synclora_lite.cli import run
from synclora_lite.errors import ArtifactError, PairError
from synclora_lite.files import data_dir
from synclora_lite.pairs import Exact, build, import_pairs, read_manifest
from synclora_lite.pairs.folder import alone
from synclora_lite.video import probe

CLIPS = data_dir() / "clips"
NAMES = (
    *('it\'s "quoted" $(touch owned); `x` & <script>*?#', "new\nline\t%03d", "-rf"),
    "concat:a|b ünï 脸 💥 a\\b ~",
)


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNCLORA_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.mark.parametrize("name", NAMES)
def test_a_file_may_have_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(f"{name}.mp4").write_bytes((CLIPS / "hair.mp4").read_bytes())
    Path(f"{name}.png").write_bytes((CLIPS / "hair-edited.png").read_bytes())
    first = f"--first-frame={name}.png"
    out = f"--out={name} out.mp4"
    assert run(["edit", first, out, "--method=copy", "--", f"{name}.mp4"]) == 0, capfd.readouterr()
    assert probe(f"{name} out.mp4").frames == 17
    assert run(["doctor", "--", f"{name}.mp4"]) == 0
    assert run(["pairs", "add", "pairs", "--", f"{name}.mp4", f"{name} out.mp4"]) == 0
    (pair,) = read_manifest("pairs")
    assert Path("pairs", pair.source.path).is_file()
    expected = {f"{name}.mp4", f"{name}.png", f"{name} out.mp4", f"{name} out.mp4.json"}
    expected |= {f"{name} out.html", "pairs"}
    assert {path.name for path in Path().iterdir()} == expected  # nothing else was made


@pytest.mark.parametrize("place", ["source", "edited", "manifest.jsonl", ".lock"])
def test_nothing_is_written_through_a_link_out_of_the_folder(tmp_path: Path, place: str) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "pairs"
    folder.mkdir()
    if place in ("source", "edited"):
        outside.mkdir()
        (outside / ".keep.12345678.mp4").write_text("mine")
    else:
        outside.write_text("mine")
    (folder / place).symlink_to(outside)
    with pytest.raises(PairError, match="leads out of its folder"):
        build(folder, Exact(frames=5, size=32), 1)
    kept = outside if outside.is_file() else outside / ".keep.12345678.mp4"
    assert kept.read_text() == "mine"
    assert len(list(tmp_path.rglob("*.mp4"))) == (0 if outside.is_file() else 1)


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "source").symlink_to(tmp_path / "edited")
    (tmp_path / "edited").symlink_to(tmp_path / "source")
    with pytest.raises(PairError, match="leads out of its folder"), alone(tmp_path):
        raise AssertionError("not reached")


def test_a_data_set_reads_nothing_outside_its_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "secret.csv").write_text("caption,media_path,reference_path\n")
    (data / "metadata.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(PairError, match="leads out of its folder"):
        import_pairs(tmp_path / "pairs", data)
    (data / "metadata.csv").unlink()
    (data / "metadata.jsonl").write_text('{"media_path": "../x.mp4", "reference_path": "y.mp4"}\n')
    with pytest.raises(PairError, match="inside the folder"):
        import_pairs(tmp_path / "pairs", data)


@pytest.mark.parametrize(
    "address", ["http://example.org/x", "ftp://example.org/x", "file:///etc/x"]
)
def test_a_download_is_not_led_away_from_https(address: str) -> None:
    handler = artifacts._HttpsOnly()
    first = Request("https://example.org/x")
    with pytest.raises(ArtifactError, match="not https"):
        handler.redirect_request(first, Mock(), 302, "Found", Mock(), address)
    again = handler.redirect_request(first, Mock(), 302, "", Mock(), "https://example.org/y")
    assert again is not None
    assert again.full_url == "https://example.org/y"
