import numpy as np
import pytest

from tests.checks.contract import exercises, hold


def over_everything(source, truth, output):
    return 1 - np.abs(output - truth).sum() / np.abs(source - truth).sum()


def with_signs(source, truth, output):
    changed = truth != source
    return 1 - (output - truth)[changed].sum() / (source - truth)[changed].sum()


def turned(source, truth, output):
    changed = truth != source
    return np.abs(output - truth)[changed].sum() / np.abs(source - truth)[changed].sum()


WRONG = {
    "check_legal_frames": [
        (lambda frames, ratio: frames // ratio * ratio, r"\+1"),
        (lambda frames, ratio: frames // ratio * ratio + 1, "before you divide"),
        (lambda frames, ratio: -(-(frames - 1) // ratio) * ratio + 1, "round down"),
        (lambda frames, ratio: (frames - 1) // 4 * 4 + 1, "an argument"),
    ],
    "check_change_map": [
        (lambda a, b: np.abs(a - b).mean((0, 3)), "wrap around"),
        (lambda a, b: np.abs((a.astype(float) - b).mean((0, 3))), "before you average"),
        (lambda a, b: np.abs(a.astype(float) - b).mean(0), "axis 3"),
    ],
    "check_edit_kept": [
        (turned, "turn it round"),
        (over_everything, "only at what"),
        (with_signs, "signs"),
    ],
}


@pytest.mark.parametrize("exercise", exercises("00"), ids=lambda e: e.identifier)
def test_the_contract_holds(exercise):
    hold(exercise, WRONG)
