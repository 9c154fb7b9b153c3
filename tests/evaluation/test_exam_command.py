"""`synclora exam` and `synclora pairs` from the command line."""

import json

import pytest

from synclora_lite.cli import run
from synclora_lite.files import data_dir


def test_an_exam_prints_its_figures_as_json(tmp_path, capsys, pixels_only):
    line = ["exam", "--method", "truth", "--clips", "1", "--json", "--out", str(tmp_path)]
    assert run(line) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["truth"]["all"]["edit_kept"]["mean"] == 1


def test_an_exam_restores_where_the_method_can_be_restored(
    tmp_path, capsys, monkeypatch, pixels_only
):
    (tmp_path / "models").symlink_to(data_dir() / "models")
    monkeypatch.setenv("SYNCLORA_DATA", str(tmp_path))
    line = ["exam", "--method", "base-reference", "--method", "sdedit", "--clips", "1"]
    line += ["--condition", "moved", "--steps", "1", "--restore", "--record", "--json"]
    assert run([*line, "--out", str(tmp_path / "rows")]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"base-reference", "sdedit + restoration"}
    result = json.loads((tmp_path / "results" / "exam_sdedit+restoration_moved.json").read_text())
    assert result["command"] == (
        "synclora exam --method sdedit --clips 1 --seed 0 --condition moved --model lite --steps 1 "
        "--restore --record"
    )


def test_pairs_are_built_filtered_and_exported(tmp_path, capsys):
    folder, out = str(tmp_path / "pairs"), str(tmp_path / "out")
    assert run(["pairs", "build", folder, "--pairs", "2", "--size", "32", "--frames", "5"]) == 0
    assert run(["pairs", "score", folder, "--json"]) == 0
    assert run(["pairs", "filter", folder]) == 0
    assert "kept 0 of 2" in capsys.readouterr().out
    assert run(["pairs", "export", folder, out]) == 0
    assert run(["pairs", "import", str(tmp_path / "back"), out]) == 0
    assert run(["pairs", "realign", folder]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "line",
    [
        ["pairs", "score", "nowhere"],
        ["pairs", "build", "x", "--builder", "magic"],
        ["pairs", "build", "x", "--kind", "wings"],
        ["pairs", "build", "x", "--builder", "corrupted", "--corruption", "magic"],
        ["pairs", "filter", "nowhere", "--out", "../kept.jsonl"],
        ["pairs", "add", "x", "nothing.mp4"],
        ["pairs", "import", "x", "nowhere"],
        ["pairs", "export", "nowhere", "y", "--for", "magic"],
        ["exam", "--method", "magic", "--clips", "1"],
    ],
)
def test_a_mistake_is_told_in_one_line(tmp_path, monkeypatch, capsys, line):
    monkeypatch.chdir(tmp_path)
    assert run(line) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert error.count("\n") == 1
