"""Edited first frames made by hand: on rendered portraits and on photographs."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch

from synclora_lite.editing import first_frame as ff
from synclora_lite.editing.precheck import compare_framing
from synclora_lite.errors import EditError
from synclora_lite.landmarks import track
from synclora_lite.portraits import Identity, held_out, render_clip, sample_motion
from synclora_lite.portraits.motion import CHANNELS, Motion
from synclora_lite.portraits.puppets import puppet_clip

SIZE = 160
Picture = np.ndarray


@pytest.fixture(scope="module")
def pictures() -> dict[str, Picture]:
    """A rendered portrait and two photographs, all looking straight ahead."""
    still = Motion(torch.zeros(1, len(CHANNELS)), fps=12.0)
    return {
        "portrait": render_clip(Identity(), still, SIZE)[0],
        "photo": puppet_clip("eileen_collins", still, SIZE)[0],
        "old photo": puppet_clip("grace_hopper", still, SIZE)[0],
    }


@pytest.fixture(params=["portrait", "photo", "old photo"])
def picture(request: pytest.FixtureRequest, pictures: dict[str, Picture]) -> Picture:
    return pictures[request.param]


def hue(picture: Picture, where: np.ndarray) -> float:
    """Median hue in degrees."""
    return 2.0 * float(np.median(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)[where, 0]))


EDITS: dict[str, Callable[[Picture], Picture]] = {
    "glasses": ff.draw_glasses,
    "earrings": ff.draw_earrings,
    "beanie": ff.draw_hat,
    "brim": lambda picture: ff.draw_hat(picture, "navy", kind="brim"),
    "smile": ff.add_smile,
    "background": lambda picture: ff.replace_background(picture, "seagreen"),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_visible_and_fits_the_framing_of_its_source(name: str, picture: Picture) -> None:
    edited = EDITS[name](picture)
    assert edited.shape == picture.shape
    assert edited.dtype == np.uint8
    changed = np.abs(edited.astype(int) - picture).max(-1) > 24
    assert changed.mean() > (0.001 if name == "earrings" else 0.002)
    framing = compare_framing(picture, edited)
    assert framing.shift < 0.3
    assert framing.scale < 0.2


def test_hair_takes_the_new_colour_and_the_rest_keeps_its_own(picture: Picture) -> None:
    edited = ff.recolour(picture, "hair", "#7a35c8")
    hair = ff.find_region(picture, "hair")
    assert 0.04 < hair.mean() < 0.5
    assert abs(hue(edited, hair > 0.9) - 268) < 25
    assert np.array_equal(edited[hair == 0], picture[hair == 0])


def test_lips_and_clothes_are_where_they_should_be(picture: Picture) -> None:
    face = track(picture[None]).face[0]
    rows, columns = np.nonzero(ff.find_region(picture, "lips") > 0.5)
    assert abs(columns.mean() - face[13, 0]) < 0.04 * SIZE
    assert abs(rows.mean() - face[13, 1]) < 0.06 * SIZE
    clothes = ff.find_region(picture, "clothes") > 0.5
    assert clothes.any()
    assert np.nonzero(clothes)[0].min() > face[152, 1] - 0.05 * SIZE


def test_strength_mixes_the_old_and_the_new_colour(pictures: dict[str, Picture]) -> None:
    source = pictures["portrait"].astype(int)
    none, half, full = (
        ff.recolour(pictures["portrait"], "clothes", "orange", strength).astype(int)
        for strength in (0.0, 0.5, 1.0)
    )
    assert np.abs(none - source).max() <= 2
    assert 0 < np.abs(half - source).sum() < np.abs(full - source).sum()


def test_glasses_are_around_the_eyes(picture: Picture) -> None:
    changed = np.abs(ff.draw_glasses(picture).astype(int) - picture).max(-1) > 60
    face = track(picture[None]).face[0]
    rows, columns = np.nonzero(changed)
    eyes = face[[33, 263], :2].mean(0)
    width = np.linalg.norm(face[33, :2] - face[263, :2])
    assert abs(columns.mean() - eyes[0]) < 0.2 * width
    assert abs(rows.mean() - eyes[1]) < 0.3 * width
    assert np.ptp(columns) > 1.0 * width


def test_a_smile_lifts_the_corners_of_the_mouth(picture: Picture) -> None:
    both = np.stack([picture, ff.add_smile(picture, 1.2)])
    before, after = (track(one[None]).face[0] for one in both)
    lift = (before - after)[[61, 291], 1].mean() - (before - after)[[0, 17], 1].mean()
    assert lift > 0.01 * SIZE


def test_the_person_stays_in_front_of_a_new_background(pictures: dict[str, Picture]) -> None:
    picture = pictures["photo"]
    scenery = np.zeros((40, 90, 3), np.uint8)
    scenery[..., 1] = np.linspace(0, 255, 90).astype(np.uint8)
    edited = ff.replace_background(picture, scenery)
    assert np.abs(edited[:20, :20].astype(int)[..., 0]).max() < 30
    nose = track(picture[None]).face[0, 4, :2].astype(int)
    here = np.s_[nose[1] - 8 : nose[1] + 8, nose[0] - 8 : nose[0] + 8]
    assert np.array_equal(edited[here], picture[here])


def test_mistakes_are_named(pictures: dict[str, Picture]) -> None:
    picture = pictures["portrait"]
    with pytest.raises(EditError, match="hair, skin, lips"):
        ff.recolour(picture, "nose", "red")
    with pytest.raises(EditError, match="the colour 'reddish'"):
        ff.draw_glasses(picture, "reddish")
    with pytest.raises(EditError, match="beanie, brim"):
        ff.draw_hat(picture, kind="crown")
    with pytest.raises(EditError, match="no face in the picture"):
        ff.add_smile(np.full_like(picture, 127))


def test_edits_work_on_held_out_portraits_in_any_pose() -> None:
    case = held_out(5, 1)[0]
    motion = sample_motion(torch.Generator().manual_seed(3), 2)
    picture = render_clip(case.source, motion, SIZE)[1]
    edited = ff.draw_hat(ff.draw_glasses(ff.recolour(picture, "hair", "teal")))
    assert track(edited[None]).found.all()
