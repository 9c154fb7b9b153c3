"""Conditions of the exam: what the method is given changes, the right answer stays known."""

import numpy as np
import pytest

from synclora_course.exam import CONDITIONS, Exam, read_exams, record_exam, set_case
from synclora_lite.editing import SDEdit
from synclora_lite.errors import ConfigError
from synclora_lite.files import data_dir
from synclora_lite.portraits import Camera, held_out, render_clip

CASE = held_out(0, 1, frames=3)[0]


@pytest.fixture(scope="module")
def tasks():
    return {name: set_case(CASE, name, seed=1, size=64) for name in CONDITIONS}


def difference(first, second):
    return float(np.abs(first.astype(int) - second).mean())


def test_only_a_moved_first_frame_is_not_frame_0_of_the_truth(tasks):
    same = {name: np.array_equal(t.first_frame, t.truth[0]) for name, t in tasks.items()}
    assert {name for name, frame_0 in same.items() if not frame_0} == {"moved", "real-like"}
    assert np.array_equal(tasks["moved"].truth, tasks["exact"].truth)


def test_a_redrawn_person_is_nearly_the_same_and_moves_as_the_source(tasks):
    exact, redrawn = tasks["exact"], tasks["redrawn"]
    assert np.array_equal(exact.source.frames, redrawn.source.frames)
    change = difference(redrawn.truth, exact.truth)
    assert 0.5 < change < 0.6 * difference(exact.source.frames, exact.truth)


def test_a_lively_clip_moves_further(tasks):
    travel = {
        name: np.abs(np.diff(tasks[name].source.frames.astype(int), axis=0)).mean()
        for name in ("exact", "lively")
    }
    assert travel["lively"] > 1.2 * travel["exact"]


def test_a_long_clip_has_65_frames_and_the_others_those_of_the_case(tasks):
    frames = {name: (len(task.source.frames), len(task.truth)) for name, task in tasks.items()}
    assert frames.pop("long") == (65, 65)
    assert set(frames.values()) == {(3, 3)}


@pytest.mark.parametrize("name", ["turned", "occluded", "relit", "real-like"])
def test_what_the_edit_adds_is_not_the_same_in_every_frame(name, tasks):
    task, exact = tasks[name], tasks["exact"]
    added = [t.truth.astype(int) - t.source.frames for t in (task, exact)]
    assert not np.array_equal(added[0], added[1])
    assert difference(task.source.frames, exact.source.frames) > 1


def test_in_moving_light_the_background_changes_too(tasks):
    changes = {
        name: (tasks[name].truth[0] != tasks[name].truth[-1]).any(-1).mean()
        for name in ("exact", "relit")
    }
    assert changes["relit"] > changes["exact"] + 0.3


def test_the_lens_of_the_standard_camera_leaves_no_hard_edges(tasks):
    for name in ("exact", "turned"):
        sharp = render_clip(CASE.edited, CASE.motion, 64, Camera(blur=0.0))
        edges = [np.abs(np.diff(f.astype(int), axis=1)).max() for f in (tasks[name].truth, sharp)]
        assert edges[0] < 0.8 * edges[1]


def test_a_condition_is_the_same_every_time_and_differs_from_clip_to_clip(tasks):
    again, other = (set_case(CASE, "moved", seed=seed, size=64) for seed in (1, 2))
    assert np.array_equal(again.first_frame, tasks["moved"].first_frame)
    assert not np.array_equal(other.first_frame, tasks["moved"].first_frame)
    with pytest.raises(ConfigError, match="exact, moved, redrawn, lively, turned"):
        set_case(CASE, "easy")


def test_results_of_conditions_and_output_steps_are_kept_apart(tmp_path, monkeypatch):
    (tmp_path / "models").symlink_to(data_dir() / "models")
    monkeypatch.setenv("SYNCLORA_DATA", str(tmp_path))
    row = {"clip": 0, "kind": "hair", "sync": 1.0}
    for exam in (
        Exam("copy"),
        Exam("copy", condition="moved"),
        Exam("sdedit", options={"restore": True}),
        Exam(SDEdit(strength=0.4)),
    ):
        record_exam(exam, [row])
    files = {path.name for path in (tmp_path / "results").iterdir()}
    assert files == {
        *("exam_copy.json", "exam_copy_moved.json"),
        *("exam_sdedit+restoration.json", "exam_sdedit+strength0.4.json"),
    }
    assert set(read_exams()) == {"copy", "sdedit + restoration", "sdedit + strength 0.4"}
    assert set(read_exams("moved")) == {"copy"}
