"""Tuning: every setting of a method is examined on validation clips, and the best one is kept."""

import json
import shutil

import pytest

from benchmarks import tuning
from synclora_course.results import read_result
from synclora_lite.editing import METHODS
from synclora_lite.errors import in_one_line
from synclora_lite.files import data_dir


def test_the_setting_with_the_best_mean_of_sync_and_edit_kept_wins():
    figures = {0.4: (0.9, 0.1), 0.55: (0.6, 0.7), 0.7: (0.5, None), 0.85: (0.2, 0.9)}
    found = [
        {
            "settings": {"strength": strength},
            **tuning.score([{"sync": sync, "edit_kept": kept}] * 2),
        }
        for strength, (sync, kept) in figures.items()
    ]
    assert [row["mean"] for row in found] == [0.5, 0.65, 0.25, 0.55]
    assert tuning.best(found) == {"strength": 0.55}


def test_one_method_can_be_tuned_anew_and_the_others_stay(monkeypatch, tmp_path):
    before = read_result("tuning")["values"]
    data = tmp_path / "data"
    shutil.copytree(data_dir() / "models", data / "models")
    (data / "results").mkdir()
    shutil.copy(data_dir() / "results" / "tuning.json", data / "results")
    monkeypatch.setenv("SYNCLORA_DATA", str(data))
    monkeypatch.setitem(tuning.GRID, "sdedit", [{"strength": 0.3}, {"strength": 0.9}])
    asked = ["--only", "sdedit", "--clips", "1", "--steps", "1", "--folder", str(tmp_path / "runs")]
    monkeypatch.setattr("sys.argv", ["tuning", *asked])
    tuning.main()
    after = read_result("tuning")["values"]
    search = {**after["search"]}
    low, high = search.pop("sdedit")
    assert (low["settings"], high["settings"]) == ({"strength": 0.3}, {"strength": 0.9})
    assert low["sync"] > high["sync"]  # more noise, less of the source
    assert {"flowedit", "kv-inject"} <= search.keys()
    assert search == {name: before["search"][name] for name in search}
    others = {name: kept for name, kept in after["kept"].items() if name != "sdedit"}
    assert others == {name: before["kept"][name] for name in search}
    tuned = json.loads((data / "models" / "lite" / "tuned.json").read_text())
    assert tuned == after["kept"]

    judged = {path: path.read_text() for path in (tmp_path / "runs").rglob("rows.jsonl")}
    assert len(judged) == 4  # each of the two under each of two conditions
    tuning.main()
    assert {path: path.read_text() for path in judged} == judged  # no clip is judged twice


def test_one_method_alone_needs_a_recorded_search(monkeypatch, tmp_path):
    monkeypatch.setenv("SYNCLORA_DATA", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["tuning", "--only", "sdedit"])
    with pytest.raises(SystemExit, match=r"Error: no recorded search; expected .*without --only"):
        in_one_line(tuning.main)


@pytest.mark.parametrize("method", tuning.GRID)
def test_what_is_tuned_exists(method):
    assert len(tuning.GRID[method]) > 2
    for settings in tuning.GRID[method]:
        assert {*settings} <= {*METHODS[method].options}
