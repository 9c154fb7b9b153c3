"""Makes built pages light: small pictures loaded when they are reached, and a lean theme.

Notebooks hold their pictures as PNG in the page itself. Here each becomes a WebP file, which a
browser fetches as the reader comes to it. Of the theme, style rules and icons that no page
uses are left out, and so are the search scripts on pages that are not for searching.
"""

import base64
import hashlib
import html
import io
import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import tinycss2
from fontTools import subset
from PIL import Image
from tinycss2.ast import Node, QualifiedRule

from synclora_lite.files import write_atomic

QUALITY = 88
IMAGE = re.compile(r"<img\b[^>]*>")
SOURCE = re.compile(r'\bsrc="([^"]+)"')
EMBEDDED = re.compile(r"data:image/(?:png|jpeg);base64,([A-Za-z0-9+/=]+)")
# the theme draws its icons with a font as well as with a script of 1.5 MB
ICON_SCRIPT = ("fontawesome",)
SEARCH_SCRIPTS = ("searchtools", "language_data", "searchindex")
STYLES = ("pydata-sphinx-theme.css", "sphinx-design.min.css", "mystnb.*.css", "sphinx-thebe.css")
MADE_BY_SCRIPTS = ("bs-",)  # names that a script puts together
ICON_FONT = "fa-solid-900"
ICON = re.compile(r'"(?:\\([0-9a-f]{2,5})|([^\x00-\x1f]))"')


def lighten(pages: Path) -> None:
    """Rewrite the pages, styles and icon font below a folder of built pages."""
    for page in pages.rglob("*.html"):
        write_atomic(page, light_page(page, pages))
    words = _words(
        [*pages.rglob("*.html"), *pages.glob("_static/*.js"), *pages.rglob("scripts/*.js")]
    )
    for pattern in STYLES:
        for styles in (pages / "_static").rglob(pattern):
            write_atomic(styles, lean_styles(styles.read_text("utf-8"), words))
    shrink_icons(pages / "_static")


def light_page(page: Path, pages: Path) -> str:
    """Return a page with its pictures in files of their own, and no search scripts in vain."""
    text = IMAGE.sub(lambda tag: _light_image(tag[0], page, pages), page.read_text("utf-8"))
    unused = ICON_SCRIPT if page.name == "search.html" else ICON_SCRIPT + SEARCH_SCRIPTS
    return re.sub(
        rf'\s*<script [^>]*src="[^"]*(?:{"|".join(unused)})\.js[^"]*"></script>', "", text
    )


def _light_image(tag: str, page: Path, pages: Path) -> str:
    """Point an `img` element at a WebP file, with its size, to be loaded when it is reached."""
    source = SOURCE.search(tag)
    picture = _pixels(html.unescape(source[1]), page) if source else None
    if source is None or picture is None:
        return tag
    data = webp(picture)
    file = pages / "_images" / f"{hashlib.sha256(data).hexdigest()[:20]}.webp"
    if not file.exists():
        write_atomic(file, data)
    width, height = Image.open(io.BytesIO(picture)).size
    up = "../" * (len(page.relative_to(pages).parts) - 1)
    size = "" if " width=" in tag else f'width="{width}" height="{height}" '
    return tag.replace(source[0], f'{size}loading="lazy" src="{up}_images/{file.name}"')


def _pixels(source: str, page: Path) -> bytes | None:
    """Return the picture that an address means, if it is in the page or one of its figures."""
    if embedded := EMBEDDED.fullmatch(source):
        return base64.b64decode(embedded[1])
    path = page.parent / source
    known = path.suffix in (".png", ".jpg") and path.parent.name == "_images" and path.exists()
    return path.read_bytes() if known else None


def webp(picture: bytes) -> bytes:
    """Compress a picture again: drawings without loss, photographs at a high quality."""
    image: Image.Image = Image.open(io.BytesIO(picture))
    if image.mode not in ("RGB", "RGBA"):
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    exact, close = io.BytesIO(), io.BytesIO()
    image.save(exact, "webp", lossless=True, quality=50, method=3)
    image.save(close, "webp", quality=QUALITY, method=4, use_sharp_yuv=True)
    return min(exact.getvalue(), close.getvalue(), key=len)


def _words(files: Iterable[Path]) -> set[str]:
    """Collect every word of some texts: all that can be the name of a class."""
    return {word for file in files for word in re.findall(r"[\w-]+", file.read_text("utf-8"))}


def lean_styles(styles: str, words: set[str]) -> str:
    """Drop the rules of a style sheet that only classes use which are not among `words`."""
    rules = tinycss2.parse_stylesheet(styles, skip_comments=True, skip_whitespace=True)
    return _serialize(rules, words)


def _serialize(rules: list[Node], words: set[str]) -> str:
    parts = []
    for rule in rules:
        if isinstance(rule, QualifiedRule):
            used = [part for part in _selectors(rule.prelude) if _classes(part) <= words]
            if used:
                chosen = ",".join(tinycss2.serialize(part).strip() for part in used)
                parts.append(f"{chosen}{{{tinycss2.serialize(rule.content)}}}")
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports"):
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            kept = _serialize(inner, words)
            if kept:
                parts.append(f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{kept}}}")
        else:
            parts.append(rule.serialize())
    return "".join(parts)


def _selectors(prelude: list[Node]) -> list[list[Node]]:
    """Split the head of a rule at its commas."""
    selectors: list[list[Node]] = [[]]
    for node in prelude:
        if node == ",":
            selectors.append([])
        else:
            selectors[-1].append(node)
    return selectors


def _classes(selector: list[Node]) -> set[str]:
    """Name the classes that an element must have, leaving out those in `:not()` and its like."""
    pairs = pairwise(selector)
    names = {after.value for before, after in pairs if before == "." and after.type == "ident"}
    return {name for name in names if not name.startswith(MADE_BY_SCRIPTS)}


def shrink_icons(static: Path) -> None:
    """Leave only the icons in the icon font that the lean styles and scripts name."""
    texts = [
        file.read_text("utf-8") for kind in ("css", "js") for file in static.rglob(f"*.{kind}")
    ]
    found = {match for text in texts for match in ICON.findall(text)}
    icons = {int(code, 16) if code else ord(sign) for code, sign in found}
    for font in static.rglob(f"{ICON_FONT}.ttf"):
        options = subset.Options(flavor="woff", layout_features=[])
        shapes = subset.load_font(str(font), options)
        chosen = subset.Subsetter(options)
        chosen.populate(unicodes=icons)
        chosen.subset(shapes)
        subset.save_font(shapes, str(font.with_suffix(".woff")), options)
        font.with_suffix(".woff2").unlink()
        font.unlink()
    source = re.compile(rf"src:url\(([^)]*){ICON_FONT}\.woff2\)[^;}}]*")
    for styles in static.rglob("*.css"):
        text = styles.read_text("utf-8")
        write_atomic(styles, source.sub(rf'src:url(\1{ICON_FONT}.woff) format("woff")', text))
