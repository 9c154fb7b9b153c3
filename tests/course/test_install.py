"""What a notebook installs where it runs, decided from what is there."""

import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from synclora_course import install
from synclora_course.errors import CourseError
from synclora_lite import files
from tools import colab

HERE = dict(line.split("==") for line in colab.VERSIONS)
PROJECT = tomllib.loads((files.PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
NEEDS = [
    *PROJECT["dependencies"],
    *(f'{need}; extra == "{extra}"'
      for extra, needs in PROJECT["optional-dependencies"].items() for need in needs),
]  # fmt: skip


def names(lines):
    return {canonicalize_name(Requirement(line).name) for line in lines}


def on_colab(needs=NEEDS):
    return install.plan(needs, HERE, install.pinned())


def test_on_colab_nothing_that_is_there_is_asked_for():
    assert {"mediapipe", "mediapy", "jaxtyping"} <= names(on_colab().wanted)
    assert not names(on_colab().wanted) & set(HERE)


def test_on_colab_pip_may_not_touch_torch_numpy_protobuf_and_widgets():
    kept = {"torch==2.11.0", "numpy==2.1.3", "protobuf==5.29.5", "ipywidgets==7.7.1"}
    assert kept <= set(on_colab().constraints)


def test_everything_that_is_asked_for_has_one_exact_version():
    pinned = [Requirement(line) for line in on_colab().constraints]
    assert all(len(pin.specifier) == 1 and "==" in str(pin.specifier) for pin in pinned)
    assert len({pin.name for pin in pinned}) == len(pinned)
    assert names(on_colab().wanted) <= {canonicalize_name(pin.name) for pin in pinned}


def test_no_numpy_1_and_no_old_mediapipe_are_ever_chosen():
    chosen = on_colab().constraints
    assert not [line for line in chosen if line.startswith(("numpy==1", "mediapipe==0"))]


@pytest.mark.parametrize(("chapter", "raised"), [("03", set()), ("09", {"diffusers"})])
def test_only_the_chapter_of_ltx2_raises_diffusers(chapter, raised):
    wanted = install.plan(install.needs_of(chapter, NEEDS), HERE, install.pinned()).wanted
    assert names(wanted) & set(HERE) == raised


def test_a_pin_replaces_what_is_too_old():
    found = install.plan(["diffusers>=0.40"], {"diffusers": "0.39.0"}, {"diffusers": "0.42.1"})
    assert found == install.Plan(("diffusers>=0.40",), ("diffusers==0.42.1",))


def test_a_runtime_that_is_too_old_is_refused_and_not_mended():
    with pytest.raises(CourseError, match=r"torch 2\.1\.0 is installed here; expected torch>=2\.9"):
        install.plan(["torch>=2.9"], {"torch": "2.1.0"}, {})


def test_requirements_of_other_systems_and_extras_are_left():
    needs = ["a; python_version < '3'", "b; extra == 'test'", "c; python_version > '3'"]
    assert install.plan(needs, {}, {}).wanted == ("c",)


def test_local_builds_are_held_as_they_are():
    found = install.plan(["torch>=2.9", "x"], {"torch": "2.11.0+cu128"}, {"torch": "2.13.0"})
    assert found == install.Plan(("x",), ("torch==2.11.0+cu128",))


def test_where_everything_is_there_nothing_is_installed():
    everything = dict.fromkeys(names(NEEDS), "99")
    assert install.plan(NEEDS, everything, {}).wanted == ()
