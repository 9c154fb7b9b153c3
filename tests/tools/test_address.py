"""The repository's address is the same wherever it is written, and moves as one."""

import json
import re

import pytest

from synclora_course.notebook import CHAPTERS, colab_url, nbgitpuller_url
from synclora_lite import REPOSITORY
from synclora_lite.files import PROJECT
from tools.address import SITE, move, written

OURS = REPOSITORY.removeprefix(SITE)
FOLDER = OURS.rpartition("/")[2]


def test_nothing_names_this_project_at_another_address():
    others = {
        found
        for path in written(PROJECT)
        for found in re.findall(rf"([\w.-]+/{FOLDER})(?![\w-])", path.read_text("utf-8"))
        if found not in (OURS, f"tree/{FOLDER}", f"%2F{FOLDER}")
    }
    assert others == set()


@pytest.mark.parametrize("kind", ["student", "solutions"])
def test_every_notebook_opens_in_colab_from_this_address(kind):
    for path in sorted((PROJECT / "notebooks" / kind).glob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        text = "".join("".join(cell["source"]) for cell in cells)
        found = set(re.findall(r"colab\.research\.google\.com/github/([^/]+/[^/]+)/", text))
        assert found <= {OURS}, path.name


def test_every_form_of_the_address_moves(tmp_path):
    page = tmp_path / "page.md"
    addresses = [REPOSITORY, colab_url("00"), nbgitpuller_url("https://hub.example.org", "00")]
    page.write_text("\n".join(addresses), "utf-8")
    assert move([page], OURS, "someone/else") == [page]
    assert FOLDER not in page.read_text("utf-8")
    assert page.read_text("utf-8").count("someone") == len(addresses)
    assert move([page], "someone/else", OURS) == [page]
    assert page.read_text("utf-8").splitlines() == addresses
    assert move([page], "not/there", OURS) == []


def test_the_readme_lists_each_chapter_once():
    readme = (PROJECT / "README.md").read_text("utf-8")
    assert [readme.count(colab_url(chapter)) for chapter in CHAPTERS] == [1] * len(CHAPTERS)
