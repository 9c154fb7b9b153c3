"""First frames that do not belong to their clip are refused, each with what is wrong."""

import cv2
import numpy as np
import pytest

from synclora_lite.editing.precheck import align, check_framing
from synclora_lite.errors import EditError
from synclora_lite.portraits import held_out, render_clip
from synclora_lite.video import Clip

SIDE = 96


def cropped(picture: np.ndarray, share: float) -> np.ndarray:
    """Enlarge the middle of a picture."""
    margin = round(picture.shape[0] * (1 - share) / 2)
    return cv2.resize(picture[margin:-margin, margin:-margin], picture.shape[1::-1])


@pytest.fixture(scope="module")
def cases() -> list[tuple[Clip, np.ndarray]]:
    """Two clips and their edited first frames."""
    rendered = [
        [render_clip(who, case.motion, SIDE) for who in (case.source, case.edited)]
        for case in held_out(7, 2, frames=5)
    ]
    return [(Clip(source, 12.5), edited[0]) for source, edited in rendered]


def test_an_edit_of_the_first_frame_is_taken(cases: list[tuple[Clip, np.ndarray]]) -> None:
    for source, edited in cases:
        assert check_framing(source, edited)[1] == []


@pytest.mark.parametrize(
    ("change", "words", "mends"),
    [
        (lambda edited: edited[:, ::-1], "mirrored", False),
        (np.rot90, "turned by", False),
        (lambda edited: np.rot90(edited, 2), "upside down", False),
        (lambda edited: cropped(edited, 0.75), "larger or smaller", True),
        (lambda edited: np.roll(edited, 14, axis=1), "eye distances away", True),
    ],
)
def test_what_does_not_fit_is_named_and_align_offered_where_it_helps(  # type: ignore[no-untyped-def]
    cases: list[tuple[Clip, np.ndarray]], change, words: str, mends: bool
) -> None:
    source, edited = cases[0]
    wrong = np.ascontiguousarray(change(edited))
    with pytest.raises(EditError, match=words) as caught:
        check_framing(source, wrong)
    assert ("--align" in str(caught.value)) is mends
    if mends:
        check_framing(source, align(source, wrong))


def test_another_persons_picture_is_refused_for_good(cases: list[tuple[Clip, np.ndarray]]) -> None:
    source, stranger = cases[0][0], cases[1][1]
    with pytest.raises(EditError) as caught:
        check_framing(source, stranger)
    assert "--align" not in str(caught.value)


def test_a_face_that_comes_later_is_told_with_its_frame(
    cases: list[tuple[Clip, np.ndarray]],
) -> None:
    source, edited = cases[0]
    frames = source.frames.copy()
    frames[:2] = 128
    with pytest.raises(EditError, match="frame 2"):
        check_framing(Clip(frames, 12.5), edited)
