import copy

import pytest

from synclora_lite import errors


def test_an_error_says_what_was_found_expected_and_to_do():
    error = errors.VideoError("clip.mp4 is empty", "a video file", "export it again")
    assert str(error) == "clip.mp4 is empty; expected a video file; export it again"


def test_an_error_leaves_out_what_it_was_not_told():
    assert str(errors.SyncLoraError("the disk is full")) == "the disk is full"


@pytest.mark.parametrize(
    "kind",
    [getattr(errors, name) for name in dir(errors) if name.endswith("Error")],
    ids=lambda kind: kind.__name__,
)
def test_every_error_is_a_sync_lora_error_and_can_be_copied(kind):
    error = kind("what", "expected", "advice")
    assert isinstance(error, errors.SyncLoraError)
    assert str(copy.copy(error)) == str(error)


def test_an_error_is_one_line_whatever_was_got() -> None:
    assert str(errors.EditError("a\r\nb\u2028c", "d\n")) == "a b c; expected d"
