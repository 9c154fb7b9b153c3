"""One edit, judged: the truth is perfect, the copy keeps no edit, a late clip is found late."""

from typing import Any

import numpy as np
import pytest

from synclora_lite.errors import EditError
from synclora_lite.evaluation import edit_kept, evaluate_edit, flicker, psnr, ssim
from synclora_lite.portraits import held_out, render_clip


@pytest.fixture(scope="module")
def clips():
    case = held_out(5, 1)[0]
    return render_clip(case.source, case.motion), render_clip(case.edited, case.motion)


@pytest.fixture(scope="module")
def of_truth(clips):
    source, truth = clips
    return evaluate_edit(source, truth, truth)


def test_the_truth_itself_is_perfect(of_truth):
    assert of_truth["psnr"] == pytest.approx(58.92, abs=0.01)
    assert of_truth["ssim"] == of_truth["edit_kept"] == of_truth["identity"] == 1
    assert of_truth["face_found"] == of_truth["accepted"] == 1
    assert of_truth["sync"] > 0.97
    assert of_truth["flicker"] < 0.3


def test_the_source_is_in_sync_and_keeps_no_edit(clips, of_truth):
    source, truth = clips
    copied: dict[str, Any] = evaluate_edit(source, truth, source)
    assert copied["sync"] > 0.99
    assert copied["edit_kept"] == 0
    for name in ("psnr", "ssim", "identity"):
        assert copied[name] < 0.95 * of_truth[name]


def test_a_late_clip_is_found_late_by_its_frames(clips):
    source, truth = clips
    late = truth[np.maximum(np.arange(len(truth)) - 2, 0)]
    metrics = evaluate_edit(source, truth, late)
    assert metrics["offset"] == pytest.approx(2, abs=0.5)
    assert metrics["accepted"] == 0


def test_a_clip_without_a_face_scores_no_sync_and_hides_nothing(clips, of_truth):
    source, truth = clips
    metrics = evaluate_edit(source, truth, np.full_like(truth, 127))
    assert metrics["face_found"] == metrics["sync"] == metrics["identity"] == 0
    assert metrics["offset"] is None
    cues = {name for name in of_truth if name.startswith("pearson.")}
    assert cues
    assert cues == {name for name in metrics if name.startswith("pearson.")}


def test_clips_of_different_sizes_are_refused(clips):
    source, truth = clips
    with pytest.raises(EditError, match="one shape"):
        evaluate_edit(source, truth, truth[:-1])
    with pytest.raises(EditError, match="two frames"):
        evaluate_edit(source[:1], truth[:1], truth[:1])


def test_half_the_edit_is_half_kept():
    source = np.zeros((3, 16, 16, 3), np.uint8)
    truth = source.copy()
    truth[:, :8] = 200
    half = source.copy()
    half[:, :8] = 100
    assert edit_kept(source, truth, half) == pytest.approx(0.5)
    assert np.isnan(edit_kept(source, source, half))


def test_pixel_metrics_ignore_the_first_frame_which_was_given():
    truth = np.random.default_rng(0).integers(0, 255, (4, 16, 16, 3), np.uint8)
    output = truth.copy()
    output[0] = 0
    assert psnr(truth, output) > 58
    assert ssim(truth, output) == pytest.approx(1)


def test_flicker_counts_grey_levels_where_the_truth_stands_still():
    truth = np.full((6, 8, 8, 3), 100, np.uint8)
    output = truth.copy()
    output[::2] += 10
    assert flicker(truth, output) == 10
    assert flicker(truth, truth) == 0
