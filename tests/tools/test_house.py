"""The picture of the house shows the rooms and imports that there are, and data flow one way."""

import xml.etree.ElementTree as ElementTree

import pytest

from tools import house


@pytest.fixture(scope="module")
def drawn():
    return ElementTree.fromstring(house.draw())


def bows(picture):
    return {
        (path.get("data-from"), path.get("data-to"))
        for path in picture.iter()
        if path.get("data-from")
    }


def test_every_room_of_the_package_is_in_the_picture(drawn):
    folders = {path.parent.name for path in house.PACKAGE.glob("*/__init__.py")}
    assert folders == set(house.ROOMS)
    names = {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}tspan")}
    assert names == {*folders, house.ROOT}


def test_no_room_imports_one_that_comes_after_it():
    order = list(house.ROOMS)
    found = house.arrows()
    assert ("training", "core") in found
    assert [pair for pair in found if order.index(pair[0]) < order.index(pair[1])] == []


def test_the_picture_in_the_repository_has_the_bows_of_today(drawn):
    """Run `python -m tools.house` when this fails. Lines change daily; the book draws its own."""
    assert bows(ElementTree.parse(house.PICTURE).getroot()) == bows(drawn)


def test_lines_are_counted_by_what_they_are():
    source = (
        '"""Says what."""\n\n# why\nX = 1  # pixels\n\n\n'
        'def f():\n    """Do\n    it."""\n    return """a\nb"""\n'
    )
    assert house.count(source) == {"lines": 11, "code": 4, "comments": 1, "beside": 1, "texts": 3}


def test_an_import_inside_a_function_counts(tmp_path):
    path = tmp_path / "a.py"
    path.write_text(
        "def f():\n    from synclora_lite import video, viz\n    import synclora_lite.sync.score\n"
    )
    assert {house.room_of(module) for module in house.imports(path)} == {"video", "viz", "sync"}
