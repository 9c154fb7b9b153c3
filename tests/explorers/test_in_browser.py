"""The explorers in a real browser: they follow the reader, and leave a still without scripts."""

import shutil

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from synclora_course.explorers import attention_explorer, grid_explorer, sync_explorer

PHONE = {"width": 390, "height": 700}


def attention():
    """Twelve tokens of a target, each of which attends to its own place in the reference only."""
    pictures = np.full((2, 16, 16, 3), 90, np.uint8)
    weights = np.concatenate([np.eye(12), np.zeros((12, 12))], 1)
    places = {"reference": pictures, "target": pictures, "starts": [0, 1], "sigma": 0.7}
    return attention_explorer({"own place": weights}, grid=(2, 2, 3), **places)


def grid():
    images = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1, 1) * np.ones((8, 8, 3), np.uint8)
    names = {"row_names": ["Ann", "Bob"], "column_names": ["first", "middle", "last"]}
    return grid_explorer(images, row="person", column="frame", alt="Six pictures.", **names)


def sync():
    trace = np.sin(np.arange(60) / 3)
    return sync_explorer({"mouth": trace}, {"mouth": trace}, fps=12.0)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as browsers:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        chromium = browsers.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def show(browser, tmp_path):
    """Open an explorer as a page of its own on a phone; no script may fail."""
    errors = []

    def opened(explorer, **options):
        page = browser.new_page(viewport=PHONE, **options)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(explorer.save(tmp_path / "explorer.html").as_uri())
        return page

    yield opened
    assert errors == []


def test_any_token_can_be_picked_and_says_what_it_is(show):
    page = show(attention())
    words = page.locator("output")
    for name, value in {".frame": "1", ".row": "1", ".column": "2"}.items():
        page.locator(name).fill(value)
    assert "Token 23 of 24: latent frame 1, from video frame 1 on" in words.inner_text()
    assert "timestep 0.7, in the loss" in words.inner_text()
    assert "100 % of its attention goes to the reference" in words.inner_text()
    box = page.locator(".sequence").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 12.5 / 24, box["y"] + 5)
    assert "timestep 0, given, not in the loss" in words.inner_text()
    page.locator(".target").click(position={"x": 5, "y": 5})
    assert "row 0, column 0" in words.inner_text()


def test_two_sliders_show_any_picture_of_a_grid(show):
    page = show(grid())
    page.locator(".down").fill("1")
    page.locator(".along").fill("2")
    assert page.locator("output").all_inner_texts() == ["Bob", "last"]
    style = page.locator(".picture").evaluate("e => e.style.backgroundPosition")
    assert style == "100% 100%"


def test_an_offset_can_be_dragged_until_the_score_rejects(show):
    page = show(sync())
    assert page.locator(".verdict").inner_text().startswith("Accept")
    page.locator(".offset").fill("4")
    assert page.locator(".said").inner_text() == "4 frames, 333 ms"
    assert page.locator(".verdict").inner_text() == "Reject: mouth below the threshold."


@pytest.mark.parametrize("make", [attention, grid, sync])
def test_an_explorer_fits_a_phone_and_leaves_a_still(make, show):
    live = show(make())
    assert live.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    without = show(make(), java_script_enabled=False)
    assert without.locator("[role=img], img").first.is_visible()
