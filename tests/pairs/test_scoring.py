"""Scores, the filter, the funnel and realignment, on one good pair and two late ones."""

import hashlib
import math
import shutil
from dataclasses import replace

import pytest
from distributed import Client, LocalCluster
from joblib import parallel_config

from synclora_course.funnel import plot_funnel, record_funnel
from synclora_lite.errors import PairError
from synclora_lite.files import read_json
from synclora_lite.landmarks import tasks
from synclora_lite.pairs import (
    export_pairs,
    failing,
    filter_pairs,
    funnel,
    import_pairs,
    read_manifest,
    realign_pairs,
    score_pairs,
    scoring,
    write_manifest,
)
from synclora_lite.pairs.building import STRIDE
from synclora_lite.pairs.filtering import STAGES, stage_of
from synclora_lite.sync import thresholds
from tests.robustness.kills import contents


def test_good_pairs_are_accepted_and_late_ones_rejected_with_the_reason(scored):
    folder, pairs = scored
    assert [pair.verdict for pair in pairs] == ["accept", "reject", "reject"]
    assert pairs[0].weight > 0.5 > pairs[1].weight
    for pair in pairs[1:]:
        assert any("late" in words or "early" in words for words in pair.score["reasons"])
        assert pair.score["offset"]["frames"] == pair.parameters["by"]
    assert read_manifest(folder) == pairs


def test_a_second_scoring_looks_at_no_clip(scored, monkeypatch):
    folder, pairs = scored
    before = (folder / "manifest.jsonl").read_bytes()
    monkeypatch.setattr(scoring, "score_files", None)
    assert score_pairs(folder) == pairs
    assert (folder / "manifest.jsonl").read_bytes() == before


def test_pairs_known_from_another_folder_are_scored_without_tracking(scored, tmp_path, monkeypatch):
    folder, pairs = scored
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    write_manifest(tmp_path, (replace(p, verdict=None, weight=None, score=None) for p in pairs))
    monkeypatch.setattr(tasks, "find", None)
    assert score_pairs(tmp_path) == pairs


@pytest.mark.parametrize("change", [{"weight": None}, {"verdict": None}, {"reasons": [1]}])
def test_a_score_that_lacks_a_part_is_made_again(scored, tmp_path, change):
    folder, pairs = scored
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    score = pairs[0].score | change
    broken = replace(pairs[0], **(change if "reasons" not in change else {"score": score}))
    write_manifest(tmp_path, [broken, *pairs[1:]])
    assert score_pairs(tmp_path) == pairs


def test_other_thresholds_mean_another_score(monkeypatch):
    before = scoring.scorer_version()
    monkeypatch.setattr(thresholds, "BLINK_F1", 0.61)
    assert scoring.scorer_version() != before


def test_a_clip_that_was_exchanged_is_found(scored, tmp_path):
    folder, pairs = scored
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    shutil.copy(folder / pairs[1].edited.path, tmp_path / pairs[0].edited.path)
    with pytest.raises(PairError, match=pairs[0].id):
        score_pairs(tmp_path)


def test_a_clip_that_cannot_be_read_is_rejected_and_the_rest_scored(built, tmp_path):
    folder, pairs = built
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    broken = b"no video"
    (tmp_path / pairs[0].source.path).write_bytes(broken)
    manifest = tmp_path / "manifest.jsonl"
    digest = hashlib.sha256(broken).hexdigest()
    manifest.write_text(manifest.read_text().replace(pairs[0].source.sha256, digest))
    result = score_pairs(tmp_path)
    assert result[0].verdict == "reject"
    assert failing(result[0]) == ["face"]
    assert all(pair.score is not None for pair in result)


def test_the_filter_keeps_what_passes_and_can_leave_a_cue_out(scored):
    pairs = scored[1]
    assert filter_pairs(pairs) == pairs[:1]
    assert filter_pairs(pairs, limit=math.inf) == pairs
    assert "time" in failing(pairs[1])
    assert "time" not in failing(pairs[1], leave_out=("time",))
    with pytest.raises(PairError, match="cue 'nose'"):
        filter_pairs(pairs, leave_out=("nose",))


def test_every_check_belongs_to_a_stage_and_none_slips_through(scored):
    named = {name for words in STAGES.values() for name in words}
    joints = {
        check for check in scored[1][0].score["checks"] if check.partition(" ")[0] not in named
    }
    assert all(check.split()[0].endswith(("_wrist", "_elbow")) for check in joints)
    assert stage_of("left_wrist") == stage_of("a check of tomorrow") == "gesture"
    for pair in scored[1]:
        assert bool(failing(pair)) == (pair.verdict == "reject")


def test_the_funnel_counts_every_pair_once(scored):
    pairs = scored[1]
    steps = funnel(pairs)
    assert steps[0].left == 3
    assert steps[-1].left == len(filter_pairs(pairs))
    assert sum(step.lost for step in steps) == 2
    assert {step.name: step.lost for step in steps}["time"] == 2


def test_the_funnel_is_drawn_and_recorded_for_the_book(scored, tmp_path, monkeypatch):
    pairs = scored[1]
    picture = plot_funnel(funnel(pairs))
    assert picture.png.startswith(b"\x89PNG")
    assert "built 3" in picture.alt
    monkeypatch.setenv("SYNCLORA_DATA", str(tmp_path))
    values = read_json(record_funnel(pairs))["values"]
    assert (values["built"], values["kept"], values["failing"]["time"]) == (3, 1, 2)
    assert values["builders"] == {"exact": 1, "corrupted": 2}


def test_unscored_pairs_cannot_be_filtered_or_realigned(built):
    folder, pairs = built
    with pytest.raises(PairError, match="pairs score"):
        filter_pairs(pairs)
    with pytest.raises(PairError, match="pairs score"):
        realign_pairs(folder)


def test_late_pairs_are_saved_once_by_shifting_them_back(scored, tmp_path):
    folder, pairs = scored
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    entries = realign_pairs(tmp_path)
    assert [entry.shift for entry in entries] == [pair.parameters["by"] for pair in pairs[1:]]
    saved = [entry.saved for entry in entries if entry.saved is not None]
    assert saved
    assert all(pair.frames % 4 == 1 and pair.verdict == "accept" for pair in saved)
    assert filter_pairs(read_manifest(tmp_path)) == [pairs[0], *saved]
    assert realign_pairs(tmp_path) == entries
    assert len(read_manifest(tmp_path)) == 3 + len(saved)


@pytest.mark.parametrize("table", ["metadata.jsonl", "metadata.csv"])
def test_pairs_that_were_shifted_are_known_as_such_after_export_and_import(scored, tmp_path, table):
    folder, _ = scored
    shutil.copytree(folder, tmp_path / "pairs")
    realign_pairs(tmp_path / "pairs")
    out = tmp_path / "out"
    export_pairs(tmp_path / "pairs", read_manifest(tmp_path / "pairs"), out)
    for other in {"metadata.jsonl", "metadata.csv"} - {table}:
        (out / other).unlink()
    import_pairs(tmp_path / "back", out)
    origins = [
        [(p.id, p.parameters.get("realigned_from"), p.parameters.get("shift")) for p in pairs]
        for pairs in (read_manifest(tmp_path / "pairs"), read_manifest(tmp_path / "back"))
    ]
    assert [row for row in origins[0] if row[1]] == [row for row in origins[1] if row[1]] != []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parameters": {"realigned_from": []}}, "parameters of x are broken"),
        ({"parameters": {"realigned_from": "a"}}, "parameters of x are broken"),
        ({"parameters": {"realigned_from": "a", "shift": True}}, "parameters of x are broken"),
        ({"id": "x" * 195}, "id = .* expected text that matches"),
        ({"id": "corrupted-0-000000-realigned"}, "already"),
    ],
)
def test_manifests_that_realigning_would_break_or_cannot_understand_are_refused(
    scored, tmp_path, change, message
):
    folder, pairs = scored
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    write_manifest(tmp_path, [*pairs, replace(pairs[1], **{"id": "x", **change})])
    before = contents(tmp_path)
    with pytest.raises(PairError, match=message):
        realign_pairs(tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("value", [float("nan"), "1", True, []])
def test_a_measure_that_is_no_number_passes_no_filter(scored, value):
    pair = scored[1][0]
    with pytest.raises(PairError, match=r"score of .* is broken"):
        filter_pairs([replace(pair, score={"checks": {**pair.score["checks"], "yaw": value}})])


@pytest.mark.parametrize("name", ["noname", "a-b-c", "exact-x"])
def test_a_funnel_is_recorded_with_the_seed_of_the_build_whatever_the_names(
    scored, tmp_path, monkeypatch, name
):
    monkeypatch.setenv("SYNCLORA_DATA", str(tmp_path))
    pair = replace(scored[1][0], id=name, seed=3 * STRIDE + 7)
    assert read_json(record_funnel([pair]))["seed"] == 3
    assert read_json(record_funnel([replace(pair, seed=None)]))["seed"] == 0


def test_a_dask_cluster_gives_the_same_scores(scored, tmp_path, monkeypatch):
    folder, pairs = scored
    shutil.copytree(folder, tmp_path / "pairs")
    monkeypatch.setenv("SYNCLORA_CACHE", str(tmp_path / "cache"))  # nothing is known there
    workers = {"n_workers": 2, "threads_per_worker": 1, "processes": False}
    with (
        LocalCluster(**workers, dashboard_address=None) as cluster,
        Client(cluster),
        parallel_config(backend="dask"),
    ):
        assert score_pairs(tmp_path / "pairs", again=True) == pairs
    assert any((tmp_path / "cache").rglob("*.safetensors"))
