"""Several people: each followed from frame to frame, one chosen, the others hidden."""

import numpy as np
import pytest

from synclora_lite.errors import LandmarkError
from synclora_lite.landmarks.people import alone, choose, find_people

FRAMES = 40


@pytest.fixture(scope="module")
def frames():
    """Frames of noise, told apart by their first pixel."""
    noise = np.random.default_rng(0).integers(0, 255, (FRAMES, 90, 160, 3), dtype=np.uint8)
    noise[:, 0, 0, 0] = np.arange(FRAMES)
    return noise


def detect(frames):
    """Two people who sway, the second not seen in every third frame, and a face on a poster."""
    found = []
    for t in frames[:, 0, 0, 0]:
        sway = 0.01 * float(np.sin(t / 3))
        first, second = (0.1 + sway, 0.3, 0.1, 0.12), (0.3 + sway, 0.3, 0.12, 0.14)
        poster = (0.9, 0.1, 0.02, 0.02)
        found.append([poster, *([second] if t % 3 else []), first])
    return found


def test_people_are_counted_from_the_left_without_small_faces(frames):
    people = find_people(frames, detect)
    assert [round(person.width, 2) for person in people] == [0.1, 0.12]
    assert np.isnan(people[1].boxes[::3]).all()
    assert abs(people[1].filled[3, 0] - 0.3) < 0.02  # between two frames in which it is seen


def test_one_is_chosen_by_size_number_or_place(frames):
    people = find_people(frames, detect)
    assert [choose(people, who) for who in (None, 1, 2, (0.1, 0.4))] == [1, 0, 1, 0]
    with pytest.raises(LandmarkError, match="person 3 of 2"):
        choose(people, 3)
    with pytest.raises(LandmarkError, match="person 2 of 1"):
        choose([], 2)


def test_who_is_alone_is_nobody_in_particular(frames):
    assert find_people(frames, lambda part: [faces[-1:] for faces in detect(part)]) == []


def test_the_others_are_hidden_and_the_chosen_one_is_not_touched(frames):
    people = find_people(frames, detect)
    part, (left, top) = alone(frames, people, 0)
    same = frames[:, top : top + part.shape[1], left : left + part.shape[2]]
    rows, mine = slice(int(0.35 * 90) - top, int(0.4 * 90) - top), slice(16 - left, 30 - left)
    other = slice(50 - left, 56 - left)
    np.testing.assert_array_equal(part[:, rows, mine], same[:, rows, mine])
    assert part[:, rows, other].std() < 0.5 * same[:, rows, other].std()
