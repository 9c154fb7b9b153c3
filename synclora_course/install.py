"""What a notebook installs where it runs, and what it leaves as it is. Loads no other package.

A hosted notebook (Colab, Kaggle) brings torch, NumPy and the widgets of its page, matched to each
other and loaded already. So nothing is installed that is there in a version that will do; what is
missing is installed in the version of `constraints.txt`; and pip may not touch the packages HELD.
"""

import importlib
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from synclora_course.errors import CourseError
from synclora_lite import REPOSITORY, TAG

DISTRIBUTION = "synclora-lite"
ARCHIVE = f"{REPOSITORY}/archive/refs/tags/{TAG}.zip"
HELD = ("torch", "torchvision", "numpy", "protobuf", "ipywidgets")
EXTRAS = {"09": "ltx2"}  # chapters that need more than the rest
PINS = (Path(__file__).with_name("constraints.txt"), Path(__file__).parents[1] / "constraints.txt")


@dataclass(frozen=True)
class Plan:
    """What pip is asked for, and the versions that it may choose and may not change."""

    wanted: tuple[str, ...]
    constraints: tuple[str, ...]


def plan(needs: Iterable[str], installed: Mapping[str, str], pins: Mapping[str, str]) -> Plan:
    """Decide what to install.

    Args:
        needs: Requirements, those of other Pythons and systems among them.
        installed: Versions by canonical name.
        pins: Versions of what is missing, by canonical name.

    Raises:
        CourseError: A package that must not be changed is too old or too new.

    """
    lacking: dict[str, str] = {}
    for need in map(Requirement, needs):
        name = canonicalize_name(need.name)
        if need.marker is not None and not need.marker.evaluate({"extra": ""}):
            continue
        if name not in installed or not need.specifier.contains(installed[name], prereleases=True):
            lacking[name] = str(need).partition(";")[0].strip()
    for held in HELD:
        if held in lacking and held in installed:
            raise CourseError(
                f"{held} {installed[held]} is installed here",
                lacking[held],
                "choose another runtime version: it is never replaced in a running notebook",
            )
    kept = {name: installed[name] for name in HELD if name in installed}
    chosen = {name: pin for name, pin in pins.items() if name not in installed or name in lacking}
    constraints = tuple(f"{name}=={version}" for name, version in {**chosen, **kept}.items())
    return Plan(tuple(lacking.values()), constraints)


def complete(chapter: str) -> None:
    """Install what a chapter needs and does not find here.

    Raises:
        CourseError: pip fails, or would have to change a package that must stay.

    """
    needs = needs_of(chapter, metadata.requires(DISTRIBUTION) or ())
    found = plan(needs, installed_here(), pinned())
    if not found.wanted:
        return
    print(f"installing {', '.join(found.wanted)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("\n".join(found.constraints), "utf-8")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        ended = subprocess.run(
            [*pip, "-c", str(constraints), *found.wanted],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if ended.returncode:
        last = [line for line in ended.stderr.splitlines() if line.startswith("ERROR")]
        raise CourseError(
            f"pip could not install {', '.join(found.wanted)}: {' '.join(last)[:500]}",
            "a connection to the package index",
        )
    importlib.invalidate_caches()


def needs_of(chapter: str, declared: Iterable[str]) -> list[str]:
    """Return the requirements of the package with the extra that a chapter has, if any."""
    extra = f"extra == '{EXTRAS.get(chapter, 'none')}'"
    named = (need.replace('"', "'") for need in declared)
    return [need.partition(";")[0] if need.endswith(extra) else need for need in named]


def installed_here() -> dict[str, str]:
    """Return the versions of all installed packages, by canonical name."""
    return {
        canonicalize_name(package.metadata["Name"]): package.version
        for package in metadata.distributions()
    }


def pinned() -> dict[str, str]:
    """Return the versions of `constraints.txt`, by canonical name."""
    file = next(path for path in PINS if path.exists())
    lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]
    pairs = (line.split("==") for line in lines)
    return {canonicalize_name(name): version for name, version in pairs}
