"""The player in a real browser: one button, one slider, one frame for all panels."""

import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Page, sync_playwright

from synclora_lite.viz import locked_player

FRAMES, FPS = 20, 10


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    grey = np.linspace(10, 240, FRAMES).astype(np.uint8)
    frames = np.broadcast_to(grey[:, None, None, None], (FRAMES, 64, 64, 3)).copy()
    path = tmp_path_factory.mktemp("player") / "player.html"
    locked_player({"source": frames, "edit": 255 - frames}, fps=FPS, height=64).save(path)
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 700})
        page.goto(path.as_uri())
        page.wait_for_function("document.querySelector('video').readyState >= 2")
        yield page
        browser.close()


def chromium() -> str | None:
    """A Chromium with H.264, as Debian builds it; playwright's own if there is none."""
    return shutil.which("chromium") or shutil.which("google-chrome")


def grey_levels(page: Page) -> list[int]:
    """Grey in the middle of the left and the right panel, as shown."""
    page.wait_for_function("!document.querySelector('video').seeking")
    script = """() => {
        const v = document.querySelector("video"), c = document.createElement("canvas");
        c.width = v.videoWidth; c.height = v.videoHeight;
        const x = c.getContext("2d"); x.drawImage(v, 0, 0);
        return [0.25, 0.75].map(p => x.getImageData(c.width * p, c.height / 2, 1, 1).data[0]);
    }"""
    return page.evaluate(script)


def test_it_opens_at_the_middle_and_steps_from_there(page: Page) -> None:
    assert page.locator("output").inner_text() == "frame 10 of 19"
    left, right = grey_levels(page)
    middle = int(np.linspace(10, 240, FRAMES).astype(np.uint8)[10])
    assert abs(left - middle) < 6
    assert abs(right - (255 - middle)) < 6
    page.locator("button.next").click()
    assert page.locator("output").inner_text() == "frame 11 of 19"


@pytest.mark.parametrize("frame", [0, 7, 19])
def test_scrubbing_shows_the_same_frame_in_both_panels(page: Page, frame: int) -> None:
    page.locator("input").fill(str(frame))
    expected = np.linspace(10, 240, FRAMES).astype(np.uint8)[frame]
    left, right = grey_levels(page)
    assert abs(left - int(expected)) < 6
    assert abs(right - (255 - int(expected))) < 6
    assert page.locator("output").inner_text() == f"frame {frame} of 19"


def test_keys_step_and_play(page: Page) -> None:
    page.locator("input").fill("5")
    page.locator(".synclora-player").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("output").inner_text() == "frame 6 of 19"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.locator("output").inner_text() == "frame 4 of 19"
    page.keyboard.press("Space")
    playing = page.locator('button.play[aria-label="Pause"]')
    playing.wait_for()
    assert not page.evaluate("document.querySelector('video').paused")
    playing.click()
    page.locator('button.play[aria-label="Play"]').wait_for()
    assert page.evaluate("document.querySelector('video').paused")


def test_fits_a_phone(page: Page) -> None:
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
