import json
import re

import numpy as np
import pytest

from synclora_course.explorers import grid_explorer, sync_explorer
from synclora_lite.errors import PairError, VideoError


def _data(html):
    found = re.search(r'<script type="application/json">(.*?)</script>', html, re.S)
    assert found
    return json.loads(found[1])


def test_a_grid_shows_its_start_without_scripts_and_names_its_sliders():
    images = np.zeros((2, 3, 8, 8, 3), np.uint8)
    html = grid_explorer(
        images, row="person", column="frame", start=(1, 2), alt="Two people"
    )._repr_html_()
    assert "background-position:100.0000% 100.0000%" in html
    assert 'aria-label="Two people"' in html
    assert _data(html) == [["0", "1"], ["0", "1", "2"]]
    assert not re.search("@[A-Z]+@", html)


def test_a_grid_with_the_wrong_number_of_names_is_refused():
    images = np.zeros((2, 3, 8, 8, 3), np.uint8)
    with pytest.raises(VideoError, match="a name for every row"):
        grid_explorer(images, row="r", column="c", row_names=["only one"], alt="x")


def test_the_sync_explorer_holds_traces_and_a_still_with_words():
    t = np.linspace(0, 6, 33)
    traces = {"mouth": np.sin(t), "yaw": np.cos(t)}
    html = sync_explorer(traces, traces, fps=12.0).html
    data = _data(html)
    assert [cue["name"] for cue in data["cues"]] == ["mouth", "yaw"]
    assert len(data["cues"][0]["a"]) == 33
    assert '<img alt="Traces of mouth, yaw' in html


def test_gaps_of_a_trace_are_bridged():
    t = np.linspace(0, 6, 33)
    broken = np.where((t > 2) & (t < 3), np.nan, np.sin(t))
    data = _data(sync_explorer({"mouth": broken}, {"mouth": np.sin(t)}, fps=12.0).html)
    assert None not in data["cues"][0]["a"]


def test_traces_too_short_to_shift_are_refused():
    with pytest.raises(PairError, match="18 frames"):
        sync_explorer({"mouth": np.arange(9.0)}, {"mouth": np.arange(9.0)}, fps=12.0)


def test_explorers_need_no_network(tmp_path):
    t = np.linspace(0, 6, 33)
    page = sync_explorer({"yaw": t**2}, {"yaw": t}, fps=12.0).save(tmp_path / "page.html")
    text = page.read_text().replace("http://www.w3.org/2000/svg", "")
    assert "http" not in text
