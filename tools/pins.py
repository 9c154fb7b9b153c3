"""Writes constraints.txt and environment.yml from the versions installed in this environment.

Only what pyproject.toml asks for, and what that needs in turn, is pinned; other packages that
happen to be installed are not. Run it in an environment in which the tests pass, with each Python
in turn: pins of packages that only the other one needs are kept.
"""

import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from synclora_lite.files import write_atomic

ROOT = Path(__file__).resolve().parents[1]
# torch pins its own CUDA libraries, which differ between its builds
LEFT_TO_TORCH = ("cuda-", "nvidia-", "triton")
CONSTRAINTS_HEAD = """\
# Every package of the environment, pinned; made by `python -m tools.pins` with Python 3.11.
# pyproject.toml says what is asked for and why; environment.yml lists the same pins.
"""
ENVIRONMENT_HEAD = """\
# The environment of `make setup` for conda users; made by `python -m tools.pins`:
#   conda env create -f environment.yml && conda activate synclora && pip install --no-deps -e .
name: synclora
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def asked_for() -> list[Requirement]:
    """Return what pyproject.toml asks for, all extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return [Requirement(line) for group in groups for line in group]


def pins() -> list[str]:
    """Return "name==version" for all that is asked for and all that it needs, sorted."""
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    asked_here = [asked for asked in asked_for() if _applies(asked, "")]
    waiting = [(asked, extra) for asked in asked_here for extra in ("", *asked.extras)]
    while waiting:
        asked, extra = waiting.pop()
        name = canonicalize_name(asked.name)
        if (name, extra) in seen or name.startswith(LEFT_TO_TORCH):
            continue
        seen.add((name, extra))
        package = metadata.distribution(name)
        found[name] = f"{package.metadata['Name']}=={package.version.split('+')[0]}"
        needs = [Requirement(line) for line in package.requires or ()]
        waiting += [(n, e) for n in needs if _applies(n, extra) for e in ("", *n.extras)]
    return sorted(found.values(), key=str.lower)


def _applies(requirement: Requirement, extra: str) -> bool:
    """Tell whether a requirement holds on this machine, for a package asked for with `extra`."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def kept() -> list[str]:
    """Return the present pins of packages that are not installed here."""
    installed = {
        canonicalize_name(package.metadata["Name"]) for package in metadata.distributions()
    }
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    present = [line for line in lines if not line.startswith("#")]
    return [line for line in present if canonicalize_name(line.split("==")[0]) not in installed]


def main() -> None:
    """Write both files."""
    lines = sorted({*pins(), *kept()}, key=str.lower)
    write_atomic(ROOT / "constraints.txt", CONSTRAINTS_HEAD + "\n".join(lines) + "\n")
    listed = "".join(f"      - {line}\n" for line in lines)
    write_atomic(ROOT / "environment.yml", ENVIRONMENT_HEAD + listed)


if __name__ == "__main__":
    main()
