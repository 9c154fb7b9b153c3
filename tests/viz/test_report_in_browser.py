"""The page about an edit in a real browser: it plays, shows its traces, and asks no network."""

from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from synclora_lite.cli import run
from synclora_lite.files import data_dir
from tests.viz.test_player_in_browser import chromium

CLIPS = data_dir() / "clips"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page that `synclora edit` writes beside its clip."""
    out = tmp_path_factory.mktemp("edit") / "out.mp4"
    files = (str(CLIPS / "hat.mp4"), "--first-frame", str(CLIPS / "hat-edited.png"))
    assert run(["edit", *files, "--out", str(out), "--method", "residual-propagation"]) == 0
    return out.with_suffix(".html")


def test_the_report_plays_and_shows_its_traces(report: Path) -> None:
    complaints: list[str] = []
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 700})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: complaints.append(asked.url[:80]))
        page.goto(report.as_uri())
        page.wait_for_function("document.querySelector('video').readyState >= 2")
        page.locator("button.next").click()
        assert page.locator("output").inner_text() == "frame 9 of 16"  # it opens at the middle
        traces = page.get_by_alt_text("Traces over time", exact=False)
        assert traces.evaluate("image => image.naturalWidth") > 400
        assert page.get_by_role("rowheader", name="yaw", exact=True).count() == 1
        assert page.locator(".verdict").inner_text() in ("in sync", "not in sync")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        browser.close()
    network = [line for line in complaints if not line.startswith(("file:", "data:"))]
    assert network == []
