import hashlib
import io
from urllib.error import URLError

import pytest

from synclora_lite import artifacts
from synclora_lite.errors import ArtifactError
from tools import lock


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNCLORA_DATA", str(tmp_path))
    folder = tmp_path / "models" / "lite"
    folder.mkdir(parents=True)
    (folder / "vae.safetensors").write_bytes(b"weights")
    return folder


def test_what_is_recorded_is_found_whole(models):
    lock.record([models / "vae.safetensors"], command="synclora pretrain vae")
    assert artifacts.verify() == []
    entry = artifacts.read_lock()["lite/vae.safetensors"]
    assert (entry["bytes"], entry["command"]) == (7, "synclora pretrain vae")


def test_changed_missing_and_unrecorded_weights_are_told(models):
    (models / "old.safetensors").write_bytes(b"old")
    lock.record(models.iterdir(), command="make")
    (models / "vae.safetensors").write_bytes(b"other")
    (models / "old.safetensors").rename(models / "new.safetensors")
    assert sorted(artifacts.verify()) == [
        "lite/new.safetensors is not in the lock",
        "lite/old.safetensors is missing",
        "lite/vae.safetensors differs from the lock",
    ]


def test_a_second_record_keeps_the_first(models):
    lock.record([models / "vae.safetensors"], command="first")
    (models / "adapter.safetensors").write_bytes(b"small")
    lock.record([models / "adapter.safetensors"], command="second")
    commands = {name: entry["command"] for name, entry in artifacts.read_lock().items()}
    assert commands == {"lite/adapter.safetensors": "second", "lite/vae.safetensors": "first"}


def test_a_file_too_large_to_ship_is_refused(models, monkeypatch):
    monkeypatch.setattr(lock, "MAX_BYTES", 3)
    with pytest.raises(ArtifactError, match="7 bytes; expected at most 3"):
        lock.record([models / "vae.safetensors"], command="x")


def test_without_a_lock_there_is_one_clear_error(models):
    with pytest.raises(ArtifactError, match=r"artifacts\.lock\.json does not exist"):
        artifacts.verify()


class Server:
    """Sends one content for every address, and counts."""

    def __init__(self):
        self.content = b"weights"
        self.calls = []

    def open(self, url, timeout):
        self.calls.append(url)
        return io.BytesIO(self.content)


@pytest.fixture
def served(models, monkeypatch):
    """Leave the weights out, as an archive does, and serve them."""
    lock.record([models / "vae.safetensors"], command="make")
    (models / "vae.safetensors").unlink()
    server = Server()
    monkeypatch.setattr(artifacts.opener, "open", server.open)
    return server


def test_weights_that_an_archive_left_out_are_fetched_once(served, models):
    for _ in range(2):
        assert artifacts.shipped("lite") == models
        assert (models / "vae.safetensors").read_bytes() == b"weights"
    assert served.calls == [f"{artifacts.ADDRESS}/lite/vae.safetensors"]


@pytest.mark.parametrize("content", [b"other!!", b"weights and more", b""])
def test_weights_other_than_the_recorded_ones_are_not_kept(served, models, content):
    served.content = content
    with pytest.raises(ArtifactError, match="do not use it"):
        artifacts.shipped("lite")
    assert not list(models.rglob("*.safetensors"))


def test_a_model_with_part_of_its_weights_is_left_as_it_is(served, models):
    (models / "other.safetensors").write_bytes(b"mine")
    artifacts.shipped("lite")
    assert served.calls == []


def test_no_more_than_the_recorded_size_is_read(served):
    served.content = b"x" * 1000
    with pytest.raises(ArtifactError):
        artifacts.download("https://example.org/x", 10, hashlib.sha256(b"x" * 10).hexdigest())


def test_offline_the_message_says_what_to_do(served, monkeypatch):
    def offline(*_, **__):
        raise URLError("no route to host")

    monkeypatch.setattr(artifacts.opener, "open", offline)
    with pytest.raises(ArtifactError, match="set SYNCLORA_DATA"):
        artifacts.shipped("lite")


def test_only_https_is_used():
    with pytest.raises(ArtifactError, match="not https"):
        artifacts.download("http://example.org/x", 10, "")
