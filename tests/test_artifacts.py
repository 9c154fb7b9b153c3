import pytest

from synclora_lite import artifacts
from synclora_lite.errors import ArtifactError


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNCLORA_DATA", str(tmp_path))
    folder = tmp_path / "models" / "lite"
    folder.mkdir(parents=True)
    (folder / "vae.safetensors").write_bytes(b"weights")
    return folder


def test_what_is_recorded_is_found_whole(models):
    artifacts.record([models / "vae.safetensors"], command="synclora pretrain vae")
    assert artifacts.verify() == []
    entry = artifacts.read_lock()["lite/vae.safetensors"]
    assert (entry["bytes"], entry["command"]) == (7, "synclora pretrain vae")


def test_changed_missing_and_unrecorded_weights_are_told(models):
    (models / "old.safetensors").write_bytes(b"old")
    artifacts.record(models.iterdir(), command="make")
    (models / "vae.safetensors").write_bytes(b"other")
    (models / "old.safetensors").rename(models / "new.safetensors")
    assert sorted(artifacts.verify()) == [
        "lite/new.safetensors is not in the lock",
        "lite/old.safetensors is missing",
        "lite/vae.safetensors differs from the lock",
    ]


def test_a_second_record_keeps_the_first(models):
    artifacts.record([models / "vae.safetensors"], command="first")
    (models / "adapter.safetensors").write_bytes(b"small")
    artifacts.record([models / "adapter.safetensors"], command="second")
    commands = {name: entry["command"] for name, entry in artifacts.read_lock().items()}
    assert commands == {"lite/adapter.safetensors": "second", "lite/vae.safetensors": "first"}


def test_a_file_too_large_to_ship_is_refused(models, monkeypatch):
    monkeypatch.setattr(artifacts, "MAX_BYTES", 3)
    with pytest.raises(ArtifactError, match="7 bytes; expected at most 3"):
        artifacts.record([models / "vae.safetensors"], command="x")


def test_without_a_lock_there_is_one_clear_error(models):
    with pytest.raises(ArtifactError, match=r"artifacts\.lock\.json does not exist"):
        artifacts.verify()
