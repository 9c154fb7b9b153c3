"""One visit to one page: what the browser complained of and how much it loaded."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from playwright.sync_api import Browser, Page, Response, Route

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120_000  # milliseconds: machines that run tests are busy


def table_of_contents() -> list[str]:
    """List the book's pages in reading order, without suffix."""
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    chapters = [entry["file"] for part in contents["parts"] for entry in part["chapters"]]
    return [contents["root"], *chapters]


@dataclass
class Visit:
    page: Page
    complaints: list[str] = field(default_factory=list)
    loaded_bytes: int = 0


@contextmanager
def visit(browser: Browser, site: str, path: str, width: int = 1440) -> Iterator[Visit]:
    """Open a page in a fresh context in which any address outside `site` is a complaint."""
    context = browser.new_context(viewport={"width": width, "height": 900}, service_workers="block")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    seen = Visit(page)

    def guard(route: Route) -> None:
        if route.request.url.startswith((site, "data:", "blob:")):
            route.continue_()
        else:
            seen.complaints.append(f"asks the network for {route.request.url}")
            route.abort()

    def weigh(response: Response) -> None:
        if response.status >= 400:
            seen.complaints.append(f"{response.status} for {response.url}")
        seen.loaded_bytes += int(response.headers.get("content-length", 0))

    context.route("**/*", guard)
    page.on("response", weigh)
    page.on("pageerror", lambda error: seen.complaints.append(f"script error: {error}"))
    page.on(
        "console",
        lambda message: (
            seen.complaints.append(f"console: {message.text}")
            if message.type in ("error", "warning")
            else None
        ),
    )
    page.goto(f"{site}/{path}", wait_until="networkidle")
    try:
        yield seen
    finally:
        context.close()
