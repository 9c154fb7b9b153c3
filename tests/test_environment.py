"""The files that describe the environment and the project agree with each other."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import tools.pins
import tools.readme
from synclora_course.notebook import BRANCH, CHAPTERS, binder_url, colab_url, notebook_name
from synclora_lite import REPOSITORY, TAG, __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ASKED_FOR = tools.pins.asked_for()


def pins() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_conda_and_pip_users_get_the_same_versions():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *_, last = environment["dependencies"]
    assert last["pip"] == pins()
    assert "python=3.11" in environment["dependencies"]


def test_every_pin_is_exact_and_belongs_to_no_single_machine():
    assert [pin for pin in pins() if not re.fullmatch(r"[\w.-]+==[\w.]+", pin)] == []


@pytest.mark.parametrize("asked", ASKED_FOR, ids=lambda asked: asked.name)
def test_everything_asked_for_is_pinned_to_a_version_that_was_asked_for(asked):
    if asked.marker and not asked.marker.evaluate({"python_version": "3.12"}):
        return
    pinned = {canonicalize_name(Requirement(pin).name): Requirement(pin) for pin in pins()}
    (pin,) = pinned[canonicalize_name(asked.name)].specifier
    assert asked.specifier.contains(pin.version, prereleases=True)


def test_the_address_of_the_repository_is_the_same_everywhere():
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    theme = config["sphinx"]["config"]["html_theme_options"]
    assert config["repository"] == {"url": REPOSITORY, "branch": BRANCH}
    assert (theme["repository_url"], theme["repository_branch"]) == (REPOSITORY, BRANCH)
    assert PROJECT["urls"]["Repository"] == REPOSITORY
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["repository-code"] == REPOSITORY
    assert citation["version"] == __version__ == TAG.removeprefix("v")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_readme_opens_every_chapter_in_colab_and_binder(chapter):
    readme = (ROOT / "README.md").read_text("utf-8")
    assert f"({colab_url(chapter)})" in readme
    assert f"({binder_url(chapter)})" in readme


def test_the_pins_need_no_old_numpy():
    names = {pin.partition("==")[0] for pin in pins()}
    assert not {"jax", "jaxlib"} & names
    assert not [pin for pin in pins() if pin.startswith(("numpy==1.", "mediapipe==0."))]


def test_the_book_contains_every_chapter_in_order():
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    files = [entry["file"] for part in contents["parts"] for entry in part["chapters"]]
    chapters = [name for name in files if name.startswith("notebooks/")]
    assert chapters == [f"notebooks/{notebook_name(chapter)}" for chapter in CHAPTERS]


def test_the_readmes_commands_are_targets_and_ci_runs_the_readmes_test_command():
    readme, makefile = (ROOT / "README.md").read_text(), (ROOT / "Makefile").read_text()
    commands = set(re.findall(r"\bmake ([a-z]+)", readme))
    assert {"book", "test"} <= commands
    assert commands <= set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "make test"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the pins are made with Python 3.11")
def test_everything_needed_here_is_installed_as_it_is_pinned():
    assert set(tools.pins.pins()) <= set(pins())


def test_the_numbers_in_the_readme_are_those_of_the_results():
    assert tools.readme.filled(tools.readme.README.read_text()) == tools.readme.README.read_text()
