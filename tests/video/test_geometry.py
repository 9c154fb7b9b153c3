"""Crops and letterboxes keep every pixel where it belongs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synclora_lite.video import Clip, VideoError, crop, letterbox_box, parse_box
from synclora_lite.video.clip import check_frames
from tests.video.clips import moving_clip

sides = st.integers(1, 400)


@settings(max_examples=40)
@given(data=st.data(), height=st.integers(16, 60), width=st.integers(16, 60))
def test_a_crop_is_that_part_of_every_frame(data: st.DataObject, height: int, width: int) -> None:
    clip = moving_clip(3, height, width)
    x0, y0 = data.draw(st.integers(0, width - 16)), data.draw(st.integers(0, height - 16))
    x1, y1 = data.draw(st.integers(x0 + 16, width)), data.draw(st.integers(y0 + 16, height))
    part = crop(clip, (x0, y0, x1, y1))
    assert np.array_equal(part.frames, clip.frames[:, y0:y1, x0:x1])
    assert part.fps == clip.fps


@pytest.mark.parametrize("box", [(0, 0, 97, 64), (-1, 0, 50, 50), (0, 0, 8, 64), (40, 40, 20, 60)])
def test_a_crop_outside_or_too_small_is_refused(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(VideoError, match="the crop"):
        crop(moving_clip(2), box)


@pytest.mark.parametrize("text", ["", "1,2,3", "a,b,c,d", "5,5,5,9", "-1,0,4,4", "1,2,3,4,5"])
def test_a_crop_that_cannot_be_read_says_how_to_write_it(text: str) -> None:
    with pytest.raises(VideoError, match="x0,y0,x1,y1"):
        parse_box(text)


def test_a_crop_is_read_with_or_without_spaces() -> None:
    assert parse_box("0,1,20,30") == parse_box(" 0, 1, 20, 30") == (0, 1, 20, 30)


@given(height=sides, width=sides, target_height=sides, target_width=sides)
def test_a_letterbox_is_inside_centred_full_on_one_side_and_keeps_the_aspect(
    height: int, width: int, target_height: int, target_width: int
) -> None:
    x0, y0, x1, y1 = letterbox_box((height, width), (target_height, target_width))
    assert 0 <= x0 < x1 <= target_width
    assert 0 <= y0 < y1 <= target_height
    assert x1 - x0 == target_width or y1 - y0 == target_height
    assert abs(x0 - (target_width - x1)) <= 1
    assert abs(y0 - (target_height - y1)) <= 1
    scale = min(target_height / height, target_width / width)
    assert abs((y1 - y0) - max(1, height * scale)) <= 0.5 + 1e-9
    assert abs((x1 - x0) - max(1, width * scale)) <= 0.5 + 1e-9


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((2, 8, 8, 3), np.float32),
        np.zeros((2, 8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((0, 8, 8, 3), np.uint8),
        [[1, 2], [3, 4]],
    ],
)
def test_only_frames_of_bytes_in_rgb_make_a_clip(frames: object) -> None:
    with pytest.raises(VideoError, match="frames of"):
        check_frames(frames)


def test_a_clip_knows_its_length_and_size() -> None:
    clip = Clip(np.zeros((6, 20, 30, 3), np.uint8), 12)
    assert (len(clip), clip.size, clip.duration) == (6, (20, 30), 0.5)
    with pytest.raises(VideoError, match="frames a second"):
        Clip(clip.frames, 0)
