"""The exam: held-out clips, judged one by one, and it goes on where it was stopped."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest

from synclora_course.exam import (
    Exam,
    exam_table,
    pareto_front,
    plot_grid,
    plot_pareto,
    read_exams,
    record_exam,
    records,
    render_case,
    run_exam,
    running,
    summarize,
)
from synclora_course.tiny_ltx import tiny_model
from synclora_lite import viz
from synclora_lite.editing import SDEdit
from synclora_lite.editing.domain import Domain, save_domain
from synclora_lite.editing.methods import Copy
from synclora_lite.errors import ConfigError
from synclora_lite.models import save_model
from synclora_lite.portraits import held_out

TRUTH, COPY = Exam("truth"), Exam("copy")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("exams")


@pytest.fixture(scope="module")
def rows(folder):
    return {
        "truth": run_exam(TRUTH, 2, folder=folder),
        "copy": run_exam(COPY, 2, folder=folder),
    }


def test_the_truth_keeps_the_whole_edit_and_the_copy_none(rows):
    assert [row["edit_kept"] for row in rows["truth"]] == [1, 1]
    assert [row["edit_kept"] for row in rows["copy"]] == [0, 0]
    assert all(row["sync"] > 0.95 for method in rows.values() for row in method)
    assert [row["kind"] for row in rows["copy"]] == [case.kind for case in held_out(0, 2)]


def test_methods_see_the_source_and_the_edited_first_frame_only(folder, pixels_only):
    seen = []

    class Peek(Copy):
        name = "peek"

        def __call__(self, window):
            seen.append(window)
            return super().__call__(window)

    run_exam(Exam(Peek()), 1, folder=folder)
    source, truth = render_case(held_out(0, 1)[0])
    np.testing.assert_array_equal(seen[0].frames, source.frames)
    np.testing.assert_array_equal(seen[0].first_frame, truth[0])


def test_an_exam_that_was_stopped_judges_only_what_is_missing(folder, rows, monkeypatch):
    path = folder / COPY.name / "rows.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])  # the second line is cut short
    judged = []

    def evaluate_edit(*clips):
        judged.append(clips)
        return {k: v for k, v in rows["copy"][1].items() if k not in ("clip", "kind")}

    monkeypatch.setattr(running, "evaluate_edit", evaluate_edit)
    assert run_exam(COPY, 2, folder=folder) == rows["copy"]
    assert path.read_bytes() == whole
    assert len(judged) == 1
    assert run_exam(COPY, 1, folder=folder) == rows["copy"][:1]


def test_other_settings_or_weights_are_another_exam(tmp_path):
    assert Exam("copy", seed=1).name != COPY.name
    names = set()
    for seed in (0, 1):
        model = save_model(tiny_model(seed=seed), tmp_path / "model")
        names.add(Exam("i2v", options={"model": str(model)}).name)
    assert len(names) == 2


def test_the_ceiling_is_what_the_autoencoder_leaves_of_the_truth(tmp_path, pixels_only):
    folder = save_model(tiny_model(), tmp_path / "model")
    exam = Exam("ceiling", options={"model": str(folder)})
    (row,) = run_exam(exam, 1, folder=tmp_path)
    assert row["psnr"] < 30  # its weights are random


def test_a_method_of_edit_video_is_run_by_its_name(folder, pixels_only):
    (row,) = run_exam(Exam("copy", seed=3), 1, folder=folder)
    assert row["edit_kept"] == 0


def test_a_method_object_is_an_exam_of_its_own_options(tmp_path, pixels_only):
    folder = str(save_model(tiny_model(), tmp_path / "model"))
    save_domain(Domain(side=32, frames=17, limit=100.0), folder)
    options = {"model": folder, "steps": 1}
    exams = [Exam(SDEdit(strength=strength), options=options) for strength in (0.1, 0.9)]
    rows = [run_exam(exam, 1, folder=tmp_path)[0] for exam in exams]
    assert exams[0].name != exams[1].name
    assert rows[0]["psnr"] != rows[1]["psnr"]
    again = Exam(**exams[0].to_dict())
    assert (again.label, again.to_dict()) == (exams[0].label, exams[0].to_dict())


def test_an_exam_of_no_clips_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="0 clips"):
        run_exam(TRUTH, 0, folder=tmp_path)


def test_results_are_recorded_and_drawn(rows, tmp_path, monkeypatch):
    monkeypatch.setenv("SYNCLORA_DATA", str(tmp_path))
    for exam in (TRUTH, COPY):
        record_exam(exam, rows[exam.method])
    unusual = record_exam(Exam("copy", seed=1, frames=9), rows["copy"])
    assert unusual.name == "exam_copy_seed1_96px9.json"
    assert "--seed 1 --frames 9" in json.loads(unusual.read_text())["command"]
    exams = read_exams()
    assert set(exams) == {"truth", "copy"}
    result = json.loads((tmp_path / "results" / "exam_copy.json").read_text())
    assert result["command"] == "synclora exam --method copy --clips 2 --seed 0 --record"
    assert exams["copy"]["all"] == summarize(rows["copy"])["all"]
    table = exam_table(exams)
    assert table.loc["copy", "edit_kept"] == "0.00 [0.00, 0.00]"
    picture = plot_pareto(exams)
    assert picture.png.startswith(b"\x89PNG")
    assert "copy 0.00" in picture.alt


def test_the_front_holds_what_nothing_beats_in_both():
    points = {"a": (0.0, 1.0), "b": (0.5, 0.5), "c": (0.4, 0.4), "d": (1.0, 0.2)}
    assert pareto_front(points) == ["a", "b", "d"]
    assert pareto_front({"x": (1.0, 1.0), "tie": (1.0, 1.0)}) == ["x", "tie"]


def test_every_point_of_the_picture_has_its_name_beside_it_and_no_two_overlap(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        records, "figure", lambda *size: drawn.append(viz.figure(*size)) or drawn[-1]
    )
    places = {"copy": (0.0, 0.98), "flow": (0.85, 0.8), "ours": (0.87, 0.79), "truth": (1.0, 1.0)}
    spread = {
        name: [{"mean": m, "low": m - 0.05, "high": m + 0.05, "count": 9} for m in place]
        for name, place in places.items()
    }
    exams = {
        name: {"all": dict(zip(("edit_kept", "sync"), s, strict=True))}
        for name, s in spread.items()
    }
    plot_pareto(exams)
    (panel,) = drawn[0].axes
    texts = [text for text in panel.texts if text.get_text()]
    assert [text.get_text() for text in texts] == list(places)
    boxes = [text.get_window_extent() for text in texts]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    points = panel.transData.transform(list(places.values()))
    assert not any(box.contains(*point) for box in boxes for point in points)
    distances = [
        np.hypot(b.x0 + b.width / 2 - x, b.y0 - y) for b, (x, y) in zip(boxes, points, strict=True)
    ]
    assert max(distances) < 100


def test_a_grid_of_exams_names_the_best_and_leaves_out_what_is_missing():
    table = pd.DataFrame({"hat": {"one": 0.5, "two": 0.9}, "hair": {"one": 0.7, "two": np.nan}})
    picture = plot_grid({"edit_kept": table}, size=4.0)
    assert "hat two, hair one" in picture.alt
    assert picture.png.startswith(b"\x89PNG")
