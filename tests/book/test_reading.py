"""What a reader does with the book: search, turn pages, copy code, open Colab, follow links."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlparse

import pytest

from synclora_course.instructor import CANARY
from synclora_course.notebook import CHAPTERS, colab_url, notebook_name
from tests.book.visit import ROOT, table_of_contents, visit
from tests.security.published import told_too_much
from tools.notebooks import EXECUTED

PAGES = table_of_contents()
COPIED = """
async () => {
  let text = "";
  while (!(text = await navigator.clipboard.readText()))
    await new Promise(resolve => setTimeout(resolve, 50));
  return text;
}
"""
pytestmark = pytest.mark.timeout(3600)  # the first test builds the book


def test_the_front_door_leads_to_the_landing_page(browser, site):
    with visit(browser, site, "index.html") as seen:
        seen.page.wait_for_url(f"{site}/{PAGES[0]}.html")
        assert "Sync-LoRA" in seen.page.title()


def test_search_finds_blink_and_leads_to_it(browser, site):
    with visit(browser, site, "search.html?q=blink") as seen:
        results = seen.page.locator("#search-results li a")
        results.first.wait_for()
        assert results.count() >= 2
        results.first.click()
        assert "blink" in seen.page.locator("article").inner_text()
        assert seen.complaints == []


def test_next_leads_through_the_book_in_order_and_previous_back(pages):
    assert _follow(pages, PAGES[0], "right-next") == PAGES
    assert _follow(pages, PAGES[-1], "left-prev") == PAGES[::-1]


def test_the_copy_button_copies_the_code_beside_it(browser, site):
    with visit(browser, site, "book/how-to-use.html") as seen:
        page = seen.page
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        block = page.locator("div.highlight").first
        block.hover()
        block.locator("button.copybtn").click()
        copied = page.evaluate(COPIED)
        assert copied.strip() == block.locator("pre").inner_text().strip()


def test_a_reader_can_choose_dark(browser, site):
    with visit(browser, site, "book/glossary.html") as seen:
        theme = "document.documentElement.dataset.theme"
        seen.page.emulate_media(color_scheme="light")
        for _ in range(3):
            if seen.page.evaluate(theme) != "dark":
                seen.page.locator("button.theme-switch-button:visible").first.click()
        assert seen.page.evaluate(theme) == "dark"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_opens_its_student_notebook_in_colab(pages, chapter):
    links = _links((pages / "notebooks" / f"{notebook_name(chapter)}.html").read_text())
    assert {link for link in links if "colab" in link} == {colab_url(chapter)}


def test_every_link_inside_the_book_leads_somewhere(pages):
    anchors = {path: _Anchors(path.read_text()).found for path in pages.rglob("*.html")}
    broken = []
    for path in anchors:
        for link in _links(path.read_text()):
            address, anchor = urldefrag(urljoin(path.resolve().as_uri(), link))
            if urlparse(address).scheme != "file":
                continue
            target = Path(unquote(urlparse(address).path))
            if not target.exists() or (anchor and unquote(anchor) not in anchors.get(target, ())):
                broken.append(f"{path.name} -> {link}")
    assert broken == []


def test_no_page_names_a_path_of_the_machine_that_built_it(pages):
    secrets = (str(ROOT), str(Path.home()) + "/")
    named = [p.name for p in pages.rglob("*.html") if any(s in p.read_text() for s in secrets)]
    assert named == []


def test_no_page_and_no_executed_notebook_holds_a_secret_or_a_place_of_the_machine(pages):
    built = [path for path in pages.rglob("*.html") if "_static" not in path.parts]
    assert told_too_much([*built, *EXECUTED.glob("*.ipynb")]) == set()


def test_graded_material_is_on_no_page(pages):
    public = [path for path in pages.rglob("*") if path.suffix in {".html", ".js", ".txt"}]
    assert [path for path in public if CANARY in path.read_text(errors="replace")] == []


def test_no_notebook_source_is_published(pages):
    assert not list(pages.rglob("*.ipynb"))
    assert not (pages / "_sources").exists()


def _follow(pages: Path, name: str, kind: str) -> list[str]:
    """Turn pages by one of the two links at the foot until there is none."""
    names = []
    while name:
        names.append(name)
        found = re.search(rf'class="{kind}"\s+href="([^"]+)"', (pages / f"{name}.html").read_text())
        name = urljoin(f"{name}.html", found[1]).removesuffix(".html") if found else ""
    return names


class _Anchors(HTMLParser):
    """Collect the ids and link addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.found.update(filter(None, (values.get("id"), values.get("name"))))
        if tag == "a" and values.get("href"):
            self.links.add(values["href"])


def _links(text: str) -> set[str]:
    return _Anchors(text).links
