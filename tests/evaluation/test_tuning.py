"""Tuning: every setting of a method is examined on validation clips, and the best one is kept."""

import pytest

from synclora_lite.editing import METHODS, Sampling
from synclora_lite.evaluation import Exam, tuning


def test_the_setting_with_the_best_mean_of_sync_and_edit_kept_wins(monkeypatch, tmp_path):
    figures = {0.4: (0.9, 0.1), 0.55: (0.6, 0.7), 0.7: (0.5, None), 0.85: (0.2, 0.9)}

    def run_exam(exam, clips, **_):
        sync, kept = figures[exam.options["start"]]
        return [{"sync": sync, "edit_kept": kept}] * clips

    monkeypatch.setattr(tuning, "run_exam", run_exam)
    found = tuning.tune("sdedit", 2, Exam("sync-lora"), tmp_path)
    assert [row["start"] for row in found] == list(figures)
    assert tuning.best(found, "start") == 0.55


@pytest.mark.parametrize("method", tuning.GRID)
def test_what_is_tuned_exists(method):
    assert method in METHODS
    name, values = tuning.GRID[method]
    assert len(values) > 2
    assert hasattr(Sampling(), name)
