"""Edited first frames painted by landmarks: on rendered portraits, photographs and real clips."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch

from synclora_course import first_frame as paint
from synclora_course.puppets import puppet_clip
from synclora_lite.cli import run
from synclora_lite.editing.precheck import compare_framing
from synclora_lite.errors import EditError
from synclora_lite.files import data_dir
from synclora_lite.landmarks import track
from synclora_lite.portraits import Identity, held_out, render_clip, sample_motion
from synclora_lite.portraits.motion import CHANNELS, Motion
from synclora_lite.video import read_clip, read_image

SIZE = 160
Picture = np.ndarray
EDITS: dict[str, Callable[[Picture], Picture]] = {
    "glasses": paint.draw_glasses,
    "hat": paint.draw_hat,
    "smile": paint.add_smile,
    "background": lambda picture: paint.replace_background(picture, "seagreen"),
    "hair": lambda picture: paint.recolour_hair(picture, "#7a35c8"),
}


@pytest.fixture(scope="module")
def pictures() -> dict[str, Picture]:
    """A rendered portrait and a photograph, both looking straight ahead."""
    still = Motion(torch.zeros(1, len(CHANNELS)), fps=12.0)
    return {
        "portrait": render_clip(Identity(), still, SIZE)[0],
        "photo": puppet_clip("eileen_collins", still, SIZE)[0],
    }


@pytest.fixture(params=["portrait", "photo"])
def picture(request: pytest.FixtureRequest, pictures: dict[str, Picture]) -> Picture:
    return pictures[request.param]


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_visible_and_fits_the_framing_of_its_source(name: str, picture: Picture) -> None:
    edited = EDITS[name](picture)
    assert edited.shape == picture.shape
    assert edited.dtype == np.uint8
    assert (np.abs(edited.astype(int) - picture).max(-1) > 24).mean() > 0.002
    framing = compare_framing(picture, edited)
    assert framing.shift < 0.3
    assert framing.scale < 0.2


def test_hair_takes_the_new_colour_and_the_face_keeps_its_own(picture: Picture) -> None:
    edited = paint.recolour_hair(picture, "#7a35c8")
    changed = np.abs(edited.astype(int) - picture).max(-1) > 24
    hue = 2.0 * np.median(cv2.cvtColor(edited, cv2.COLOR_RGB2HSV)[changed, 0])
    assert abs(hue - 268) < 25
    assert 0.02 < changed.mean() < 0.5
    face = track(picture[None]).face[0, :, :2].round().astype(int)
    cheeks_and_nose = face[[50, 280, 4, 101, 330]]
    assert not changed[cheeks_and_nose[:, 1], cheeks_and_nose[:, 0]].any()


def test_glasses_are_around_the_eyes_and_a_hat_is_above_them(picture: Picture) -> None:
    face = track(picture[None]).face[0]
    eyes = face[[33, 263], :2].mean(0)
    width = np.linalg.norm(face[33, :2] - face[263, :2])
    rows, columns = np.nonzero(
        np.abs(paint.draw_glasses(picture).astype(int) - picture).max(-1) > 60
    )
    assert abs(columns.mean() - eyes[0]) < 0.2 * width
    assert abs(rows.mean() - eyes[1]) < 0.3 * width
    assert np.ptp(columns) > 1.0 * width
    rows, _ = np.nonzero(np.abs(paint.draw_hat(picture).astype(int) - picture).max(-1) > 60)
    assert rows.max() < eyes[1]


def test_a_smile_lifts_the_corners_of_the_mouth(picture: Picture) -> None:
    both = np.stack([picture, paint.add_smile(picture, 1.2)])
    before, after = (track(one[None]).face[0] for one in both)
    lift = (before - after)[[61, 291], 1].mean() - (before - after)[[0, 17], 1].mean()
    assert lift > 0.01 * SIZE


def test_the_person_stays_in_front_of_a_new_background(picture: Picture) -> None:
    edited = paint.replace_background(picture, "seagreen")
    assert np.abs(edited[:8, :8].astype(int) - (46, 139, 87)).max() < 3
    nose = track(picture[None]).face[0, 4, :2].astype(int)
    here = np.s_[nose[1] - 8 : nose[1] + 8, nose[0] - 8 : nose[0] + 8]
    assert np.array_equal(edited[here], picture[here])


def test_edits_can_be_chained_on_held_out_portraits_in_any_pose() -> None:
    case = held_out(5, 1)[0]
    motion = sample_motion(torch.Generator().manual_seed(3), 2)
    picture = render_clip(case.source, motion, SIZE)[1]
    edited = paint.draw_hat(paint.draw_glasses(paint.recolour_hair(picture, "teal")))
    assert track(edited[None]).found.all()


def test_mistakes_are_named(pictures: dict[str, Picture]) -> None:
    with pytest.raises(EditError, match="the colour 'reddish'"):
        paint.draw_glasses(pictures["portrait"], "reddish")
    with pytest.raises(EditError, match="no face in the picture"):
        paint.add_smile(np.full_like(pictures["portrait"], 127))


def test_the_command_paints_on_the_first_frame_of_a_clip(tmp_path, capsys) -> None:
    clip, out = data_dir() / "clips" / "hat.mp4", tmp_path / "edited.png"
    assert run(["first-frame", str(clip), "--glasses", "--smile", "--out", str(out)]) == 0
    first = read_clip(clip).frames[0]
    assert np.array_equal(read_image(out), paint.draw_glasses(paint.add_smile(first)))
    assert run(["first-frame", str(clip), "--out", str(out)]) == 1
    assert run(["first-frame", str(clip), "--hat", "--out", str(tmp_path / "edited.gif")]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["edited.png"]
