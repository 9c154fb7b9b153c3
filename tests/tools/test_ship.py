import json
import sys

import pytest

from synclora_course.tiny_ltx import tiny_model
from synclora_lite import artifacts
from synclora_lite.errors import ModelError, SyncLoraError
from synclora_lite.models import (
    AdapterSettings,
    add_adapter,
    load_adapter,
    save_adapter,
    save_model,
)
from tools import lock, ship


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Return the folder of shipped models: a tiny one, an adapter of old, and their lock."""
    monkeypatch.setenv("SYNCLORA_DATA", str(tmp_path / "data"))
    folder = tmp_path / "data" / "models"
    save_model(tiny_model(), folder / "lite")
    (folder / "lite-adapter").mkdir()
    for name in ("adapter.safetensors", "tuned.json"):
        (folder / "lite-adapter" / name).write_text("old")
    lock.record((p for p in folder.rglob("*") if p.is_file()), command="once")
    return folder


@pytest.fixture
def run(monkeypatch):
    def called(*words):
        monkeypatch.setattr(sys, "argv", ["ship", *map(str, words)])
        ship.main()

    return called


def whole(folder):
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def trained(folder):
    transformer, settings = tiny_model().transformer, AdapterSettings(2, base="tiny")
    add_adapter(transformer, settings)
    return save_adapter(transformer, settings, folder)


@pytest.mark.parametrize("what", ["base", "adapter"])
def test_a_run_that_does_not_exist_leaves_what_is_shipped(models, run, what):
    before = whole(models)
    with pytest.raises(ModelError):
        run(what, models / "nowhere", "--command", "make")
    assert whole(models) == before


def test_a_model_that_cannot_be_shipped_whole_leaves_what_is_shipped(
    models, run, tmp_path, monkeypatch
):
    before = whole(models)
    monkeypatch.setattr(lock, "MAX_BYTES", 1000)
    with pytest.raises(SyncLoraError, match="expected at most 1000"):
        run("adapter", trained(tmp_path / "run"), "--command", "make")
    assert whole(models) == before


def test_a_new_adapter_takes_the_place_of_the_old_one_and_of_its_entries(models, run, tmp_path):
    run("adapter", trained(tmp_path / "run"), "--command", "synclora train x.toml")
    assert artifacts.verify() == []
    commands = {name: entry["command"] for name, entry in artifacts.read_lock().items()}
    assert {name for name, command in commands.items() if command == "synclora train x.toml"} == {
        "lite-adapter/adapter.json",
        "lite-adapter/adapter.safetensors",
    }
    assert "lite-adapter/tuned.json" not in commands
    assert commands["lite/synclora.json"] == "once"
    assert load_adapter(tiny_model().transformer, models / "lite-adapter").base == "lite"
    assert {path.name for path in models.iterdir()} == {"lite", "lite-adapter", artifacts.LOCK}
    assert json.loads((models / "lite-adapter" / "adapter.json").read_text())["rank"] == 2


@pytest.mark.parametrize("words", [["adapter", "runs/x"], ["base", "--command", "make"]])
def test_a_run_and_the_command_that_made_it_have_to_be_named(models, run, words, capsys):
    with pytest.raises(SystemExit):
        run(*words)
    assert "needs a run and --command" in capsys.readouterr().err
