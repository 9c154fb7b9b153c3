"""Pictures and players: they show what they were given, in words as well."""

import base64
import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synclora_course.closer import difference_view, loupe
from synclora_lite.errors import VideoError
from synclora_lite.video import Clip
from synclora_lite.viz import (
    Picture,
    contact_sheet,
    figure,
    filmstrip,
    locked_player,
    plot_traces,
)


def flat(value: int, frames: int = 5, height: int = 32, width: int = 48) -> np.ndarray:
    return np.full((frames, height, width, 3), value, np.uint8)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_filmstrip_has_a_row_for_each_clip_and_says_so() -> None:
    picture = filmstrip({"source": flat(40), "my edit": flat(200)}, columns=3, height=64)
    middle = pixels(picture.png)[:, -20]
    assert {40, 200} <= set(middle[:, 0])
    assert "source, my edit" in picture.alt
    assert f'alt="{picture.alt}"' in picture.html


def test_filmstrip_shows_the_first_and_the_last_frame() -> None:
    ramp = np.stack([flat(10 * t, 1)[0] for t in range(20)])
    row = pixels(filmstrip({"": ramp}, columns=2, height=64).png)[-10, :, 0]
    assert {0, 190} <= set(row.tolist())


def test_labels_are_escaped_in_html() -> None:
    player = locked_player({"<b>bold</b> & @MP4@": flat(9)}, fps=12)
    assert "<b>" not in player.html
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; @MP4@" in player.html


def test_nothing_to_draw_is_an_error() -> None:
    for draw in (filmstrip, locked_player):
        with pytest.raises(VideoError, match="at least one clip"):
            draw({})
    with pytest.raises(VideoError, match="at least one cue"):
        plot_traces({"source": {}}, [], fps=12)


def test_contact_sheet_scales_pictures_of_any_size_to_one_height() -> None:
    sheet = contact_sheet({"a": flat(1, 2), "b": flat(2, 2, 100, 40)}, height=50)
    assert sheet.shape[0] == 2 * 53


def test_locked_player_puts_all_clips_into_one_small_video() -> None:
    clips: dict[str, Any] = {"source": Clip(flat(40), 10.0), "edit": flat(220, 7)}
    player = locked_player(clips, height=64)
    assert player.html.count("<video") == 1
    assert 'data-fps="10"' in player.html
    assert 'data-count="5"' in player.html  # the shorter of the two
    held = dict(re.findall(r"data:(\w+/\w+);base64,([\w+/=]+)", player.html))
    assert len(base64.b64decode(held["video/mp4"])) < 20_000
    poster = pixels(base64.b64decode(held["image/jpeg"]))
    assert poster.shape == (64, 192, 3)
    assert abs(int(poster[32, 40, 0]) - 40) < 6
    assert abs(int(poster[32, 150, 0]) - 220) < 6


def test_player_shows_nothing_where_a_last_row_has_no_clip() -> None:
    whole = locked_player({name: flat(90) for name in "abcd"}, columns=2, height=32)
    short = locked_player({name: flat(90) for name in "abc"}, columns=2, height=32)
    assert "--shape:none" in whole.html
    corner = "100% 50.000%,50.000% 50.000%,50.000% 100%"
    assert f"--shape:polygon(0 0,100% 0,{corner},0 100%)" in short.html


def test_player_needs_no_network_and_has_labels_and_a_still() -> None:
    player = locked_player({"a": flat(1), "b": flat(2)}, fps=12, alt="two grey clips")
    assert not re.search(r"https?://|//cdn", player.html)
    assert player.html.count("two grey clips") >= 3  # group, video, and the still inside it
    for label in ("Play", "One frame back", "One frame forward", "Frame"):
        assert f'aria-label="{label}"' in player.html


def test_traces_draw_every_cue_and_are_described() -> None:
    wave = np.sin(np.linspace(0, 6, 30))
    clips = {"source": {"yaw": wave, "mouth": wave**2}, "edit": {"yaw": wave}}
    picture = plot_traces(clips, ["yaw", "mouth"], fps=12, notes={"yaw": "r = 1.00"})
    assert pixels(picture.png).std() > 5
    assert picture.alt == "Traces over time of yaw, mouth for source, edit."


def test_curves_are_marked_as_a_plot_and_what_shows_pixels_is_not() -> None:
    curves, mixed = figure(4.0, 2.0), figure(4.0, 2.0)
    curves.subplots().plot([1, 2, 3])
    above, below = mixed.subplots(2)
    above.imshow(flat(90)[0])
    below.plot([1, 2, 3])
    assert 'class="plot"' in Picture.from_figure(curves, "").html
    assert 'class="plot"' not in Picture.from_figure(mixed, "").html
    assert 'class="plot"' not in filmstrip({"source": flat(90)}).html


def test_a_difference_is_grey_where_clips_agree_and_says_which_is_brighter() -> None:
    assert set(np.unique(difference_view(flat(90), flat(90, 7)))) == {128}
    assert difference_view(flat(100), flat(90), gain=2).max() == 148
    assert difference_view(flat(0), flat(255)).max() == 0  # and no byte wraps around


def test_a_loupe_holds_eyes_and_mouth_at_the_same_places_in_every_clip() -> None:
    face = np.full((5, 478, 3), np.nan)
    places = {33: (15, 20), 263: (35, 20), 61: (20, 40), 291: (30, 40)}
    for t in range(4):  # the fifth frame has no face
        for point, (x, y) in places.items():
            face[t, point] = x + t, y, 0
    frames = flat(0, 5, 64, 64)
    frames[:, 18:22, 10:40] = 100  # across the eyes
    frames[:, 38:42, 15:35] = 200  # across the mouth
    seen = loupe(frames, face)
    half = seen.shape[1] // 2
    eyes, gap, mouth = seen[:, :half], seen[:, half], seen[:, half + 1 :]
    assert gap.min() == 255
    assert (eyes.max(), mouth.max()) == (100, 200)
    assert eyes.shape == mouth.shape
    assert eyes.shape[0] == 5
    assert 23 < eyes.shape[2] < 64
    with pytest.raises(VideoError, match="no face"):
        loupe(frames, np.full((5, 478, 3), np.nan))
