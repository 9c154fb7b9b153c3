"""Built pages are made light without losing what a reader sees."""

import base64
import io
import re

import numpy as np
from PIL import Image

from tools.lighten import lean_styles, light_page, webp


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


def test_rules_of_classes_that_no_page_has_are_dropped():
    styles = ".used{a:b}.unused{a:c}.used .unused,p.used{a:d}@media print{.unused{a:e}.used{a:f}}"
    assert lean_styles(styles, {"used"}) == ".used{a:b}p.used{a:d}@media print{.used{a:f}}"


def test_rules_without_classes_negations_and_made_names_are_kept():
    styles = "p{a:b}p:not(.unused){a:c}.bs-tooltip-end{a:d}@font-face{src:url(x)}:root{--x:1}"
    assert lean_styles(styles, {"used"}) == styles


def test_a_drawing_is_kept_exactly_and_a_photograph_closely():
    drawing = np.zeros((64, 64, 3), np.uint8)
    drawing[20:40, 10:50] = (213, 94, 0)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(webp(png(drawing))))), drawing)
    noise = np.random.default_rng(0).integers(0, 40, (16, 16, 3), np.uint8)
    photo = np.asarray(Image.fromarray(noise + 100).resize((256, 256)))
    small = webp(png(photo))
    assert len(small) < len(png(photo)) / 3
    assert np.abs(np.asarray(Image.open(io.BytesIO(small))).astype(int) - photo).mean() < 3


def test_a_picture_moves_out_of_the_page_and_loads_when_it_is_reached(tmp_path):
    page = tmp_path / "notebooks" / "page.html"
    page.parent.mkdir()
    data = base64.b64encode(png(np.full((30, 50, 3), 200, np.uint8))).decode()
    page.write_text(f'<p><img alt="grey" src="data:image/png;base64,{data}"></p>')
    text = light_page(page, tmp_path)
    found = re.search(r'src="\.\./(_images/\w+\.webp)"', text)
    assert found
    assert Image.open(tmp_path / found[1]).size == (50, 30)
    assert 'alt="grey" width="50" height="30" loading="lazy"' in text


def test_only_the_search_page_loads_the_search(tmp_path):
    text = '<script src="../searchindex.js?v=1"></script><script src="../_static/book.js"></script>'
    for name, kept in (("search.html", True), ("index.html", False)):
        (tmp_path / name).write_text(text)
        light = light_page(tmp_path / name, tmp_path)
        assert ("searchindex" in light) == kept
        assert "book.js" in light
