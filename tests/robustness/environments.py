"""Install the package into two fresh environments and compare the bytes of an edit.

    python -m tests.robustness.environments --count 2

Each environment is a new `venv` with the pinned packages and the wheel of this checkout; the same
clip is edited in each. The frames have to be equal to the bit, and so does every figure of the
report; between equal versions the whole file, which notes them, has to be. The environments lie
in `--place` and are used again if they are whole, so a stopped run goes on. `--existing` compares
environments that are there already, by their Pythons.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from synclora_lite.editing.edit import pixel_hash
from synclora_lite.files import PROJECT, data_dir, sha256
from synclora_lite.video import read_clip
from tests.robustness.ledger import Ledger

COMMAND = "python -m tests.robustness.environments"


def wheel(place: Path) -> Path:
    """Build the wheel of the checkout."""
    shutil.rmtree(place, ignore_errors=True)
    _call([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", place, PROJECT])
    return next(place.glob("*.whl"))


def environment(folder: Path, package: Path, python: str) -> Path:
    """Make a virtual environment with the pinned packages and the wheel; return its Python."""
    inside, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        shutil.rmtree(folder, ignore_errors=True)
        _call([python, "-m", "venv", folder])
        pip = [inside, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        _call([*pip, "-c", PROJECT / "constraints.txt", "torch"])
        _call([*pip, "-c", PROJECT / "constraints.txt", package])
        ready.touch()
    _call([inside, "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", package])
    return inside


def fresh(place: Path, count: int, python: str) -> list[Path]:
    """Make new environments and return their Pythons."""
    package = wheel(place / "wheel")
    return [environment(place / f"env-{k}", package, python) for k in range(count)]


def edit_in(python: Path, place: Path) -> dict[str, Any]:
    """Edit a shipped clip with an environment's own package; return hash and report."""
    clips, out = data_dir() / "clips", place / "out.mp4"
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("SYNCLORA", "PYTHON"))}
    arguments = ["edit", clips / "hair.mp4", "--first-frame", clips / "hair-edited.png"]
    _call(
        [python, "-m", "synclora_lite.cli", *arguments, "--out", out, "--steps", "8"],
        cwd=place,
        env={**outside, "SYNCLORA_CACHE": str(place / "cache"), "OMP_NUM_THREADS": "1"},
    )
    report = json.loads(out.with_name("out.mp4.json").read_text())
    return {
        "file": sha256(out),
        "frames": pixel_hash(read_clip(out).frames),
        "sync": report["sync"],
        "versions": report["provenance"]["versions"],
    }


def _version(python: Path) -> str:
    code = "import platform; print(platform.python_version())"
    asked = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return asked.stdout.strip()


def _call(command: list[Any], **options: Any) -> None:
    subprocess.run([os.fspath(part) for part in command], check=True, **options)


def main() -> int:
    """Make the environments, edit in each, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=2)
    parser.add_argument(
        "--place", type=Path, default=Path(tempfile.gettempdir()) / "synclora-environments"
    )
    parser.add_argument("--python", default=getattr(sys, "_base_executable", sys.executable))
    parser.add_argument("--existing", type=Path, nargs="+")
    options = parser.parse_args()
    ledger = Ledger("environments", {"count": options.count, "existing": bool(options.existing)})
    pythons = options.existing or fresh(options.place, options.count, options.python)
    found = []
    for python in pythons:
        with tempfile.TemporaryDirectory() as place:
            found.append(edit_in(python, Path(place)))
    for number, other in enumerate(found[1:], start=1):
        alike = other["versions"] == found[0]["versions"]
        for what in ("frames", "sync", "file")[: 3 if alike else 2]:
            case, equal = f"{what} of environment {number}", other[what] == found[0][what]
            if case not in ledger.done():
                ledger.add(case, what, "" if equal else f"{other[what]} != {found[0][what]}")
    print(ledger.table())
    lost = len(ledger.lost)
    versions = [_version(python) for python in pythons]
    how = "--existing PYTHON PYTHON" if options.existing else f"--count {options.count}"
    ledger.finish(command=f"{COMMAND} {how}", seed=0, sha256=found[0]["frames"], pythons=versions)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
