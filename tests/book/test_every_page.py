"""Every page of the book, on a desk and on a phone, in light and in dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.book.visit import table_of_contents, visit

PAGES = [f"{page}.html" for page in table_of_contents()]
WIDTHS = {"desk": 1280, "phone": 390}
MOST_BYTES, MOST_LANDING_BYTES = 3_000_000, 1_000_000
pytestmark = pytest.mark.timeout(3600)  # the first test builds the book

IMAGES_WITHOUT_ALT = """
() => [...document.images]
  .filter(image => !/[a-z]{3}/i.test(image.alt) || /\\.(png|svg|jpe?g|gif)$/i.test(image.alt))
  .filter(image => image.getAttribute("role") !== "presentation")
  .filter(image => !image.closest("a[aria-label], button, [aria-hidden=true]"))
  .map(image => image.src.slice(0, 120))
"""
TABLES_LEFT_AS_TEXT = """
() => [...document.querySelectorAll("p")]
  .map(paragraph => paragraph.textContent)
  .filter(text => /\\|\\s*:?-+:?\\s*\\|/.test(text))
  .map(text => text.slice(0, 120))
"""
CODE_CUT_OFF = """
() => [...document.querySelectorAll(".bd-article pre")]
  .filter(code => code.getClientRects().length && code.scrollWidth > code.clientWidth + 1)
  .filter(code => !/https:\\/\\/\\S{60}/.test(code.textContent))  // no place to break it
  .map(code => code.textContent.slice(0, 120))
"""
TABLES_OF_WORDS_CUT_OFF = """
() => [...document.querySelectorAll(".bd-article table:not(.dataframe)")]
  .filter(table => table.scrollWidth > table.clientWidth + 1)
  .map(table => table.textContent.slice(0, 120))
"""
FORMULAS_CUT_OFF_OR_TINY = """
async () => {
  await window.MathJax?.startup?.promise;
  await new Promise(resolve => setTimeout(resolve, 100));
  return [...document.querySelectorAll('.bd-article mjx-container[display="true"]')]
    .filter(formula => formula.scrollWidth > formula.clientWidth + 1
      || parseFloat(getComputedStyle(formula).fontSize) < (innerWidth > 600 ? 18 : 12))
    .map(formula => `${getComputedStyle(formula).fontSize} ${formula.textContent.slice(0, 120)}`);
}
"""
BROKEN_IMAGES = """
async () => {
  const images = [...document.images].filter(image => image.getClientRects().length);
  images.forEach(image => image.loading = "eager");
  await Promise.allSettled(images.map(image => image.decode()));
  return images.filter(image => !image.naturalWidth).map(image => image.src.slice(0, 120));
}
"""
# a plate below a picture, or a plot that stays white: seen in the dark
LIGHT_IN_THE_DARK = """
() => [...document.querySelectorAll("article .cell_output :is(.text_html, img)")].filter(part => {
  if (!part.getClientRects().length) return false;  // behind a video that plays
  const { backgroundColor, filter } = getComputedStyle(part);
  const plate = backgroundColor !== "rgba(0, 0, 0, 0)" && !part.querySelector("table.dataframe");
  return plate || part.matches("img.plot") !== filter.includes("invert");
}).map(part => part.outerHTML.slice(0, 120))
"""
VIDEOS_THAT_DO_NOT_PLAY = """
async () => {
  const failed = [];
  for (const video of document.querySelectorAll("video")) {
    video.muted = true;
    video.pause();
    const shown = new Promise(resolve => video.addEventListener("timeupdate", resolve));
    const late = new Promise(resolve => setTimeout(resolve, 30000, "late"));
    try {
      video.currentTime = 0;
      await video.play();
      if (await Promise.race([shown, late]) === "late") throw new Error("stands still");
      video.pause();
    } catch (error) {
      failed.push(`${(video.currentSrc || video.src).slice(0, 120)}: ${error.message}`);
    }
  }
  return failed;
}
"""


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("path", [*PAGES, "search.html", "genindex.html"])
def test_a_page_opens_reads_and_fits(browser, site, path, width):
    with visit(browser, site, path, width) as seen:
        page = seen.page
        assert page.evaluate(BROKEN_IMAGES) == []
        assert page.evaluate(IMAGES_WITHOUT_ALT) == []
        assert page.evaluate(TABLES_LEFT_AS_TEXT) == []
        assert page.evaluate(VIDEOS_THAT_DO_NOT_PLAY) == []
        assert _overflow(page) == 0
        assert page.evaluate(FORMULAS_CUT_OFF_OR_TINY) == []
        assert page.evaluate(TABLES_OF_WORDS_CUT_OFF) == []
        assert _barriers(page, theme="light") == []
        if width == WIDTHS["desk"]:  # a phone has the same colours
            assert _barriers(page, theme="dark", rules=["color-contrast"]) == []
            assert page.evaluate(LIGHT_IN_THE_DARK) == []
            assert page.evaluate(CODE_CUT_OFF) == []
        assert seen.complaints == []
        assert seen.loaded_bytes < (MOST_LANDING_BYTES if path == PAGES[0] else MOST_BYTES)


def _overflow(page: Page) -> int:
    """Pixels by which a page is wider than the window."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return max(wide, 0)


def _barriers(page: Page, theme: str, rules: list[str] | None = None) -> list[str]:
    """Serious and critical findings of axe, by all or some of its rules: rule and first place."""
    page.add_style_tag(content="*, ::before, ::after { transition: none !important }")
    page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
    options = {"preload": False, "resultTypes": ["violations"]}
    options |= {"runOnly": rules} if rules else {}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{finding['id']}: {finding['nodes'][0]['html'][:200]} ({len(finding['nodes'])} places)"
        for finding in found
        if finding["impact"] in ("serious", "critical")
    ]
