"""Runs the solution notebooks where Colab's packages are, and records what changed and what broke.

    make colab
    python -m tools.colab --place FOLDER --python python3.13 --only 00 03

The environment has the versions that Colab says it has (August 2026) and lies outside the tree.
The archive of the present commit stands in for that of the tag, and the weights, which it leaves
out, are put where they would be fetched to; otherwise each notebook does what its first cell says.
The outcome is kept in data/results/colab.json.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat

from synclora_course.install import ARCHIVE, HELD
from synclora_course.notebook import CHAPTERS, first_cell, notebook_name
from synclora_course.results import write_result
from synclora_lite.files import PROJECT, data_dir

PYTHON = "python3.13"
VERSIONS = (
    "torch==2.11.0",
    "numpy==2.1.3",
    "diffusers==0.39.0",
    "peft==0.20.0",
    "transformers==5.15.1",
    "ipywidgets==7.7.1",
    "protobuf==5.29.5",
    "pandas==2.2.3",
)
# what Colab has too, in versions that it does not say
MORE = (
    "accelerate",
    "einops",
    "ipykernel",
    "joblib",
    "matplotlib",
    "nbconvert",
    "opencv-contrib-python<5",
    "psutil",
    "rich",
    "scikit-image",
    "scipy",
    "tqdm",
    "typer",
)
MOST_BYTES = 60_000_000
CELL_SECONDS = 1200


def environment(place: Path, python: str) -> Path:
    """Make Colab's environment, or find it there; return its Python."""
    inside = place / "bin" / "python"
    if not (place / "ready").exists():
        shutil.rmtree(place, ignore_errors=True)
        _call(python, "-m", "venv", place)
        _call(inside, "-m", "pip", "install", "-q", *VERSIONS, *MORE)
        (place / "ready").touch()
    # as a fresh runtime has it
    _call(inside, "-m", "pip", "uninstall", "-q", "-y", "synclora-lite", "mediapipe", "mediapy")
    _call(inside, "-m", "pip", "install", "-q", *VERSIONS)
    return inside


def archive(folder: Path) -> Path:
    """Write the present commit as the archive of a tag is."""
    path = folder / "synclora.zip"
    _call("git", "-C", PROJECT, "archive", "--prefix=synclora/", "-o", path, "HEAD")
    return path


def installed(python: Path) -> dict[str, str]:
    """Return name and version of every package of an environment."""
    listed = _call(python, "-m", "pip", "list", "--format=json")
    return {entry["name"].lower(): entry["version"] for entry in json.loads(listed)}


def run(chapter: str, python: Path, package: Path, folder: Path) -> dict[str, Any]:
    """Execute a chapter's solution notebook; return what stopped it and how long it took."""
    source = PROJECT / "notebooks" / "solutions" / f"{notebook_name(chapter)}.ipynb"
    copy = folder / source.name
    copy.write_text(source.read_text("utf-8").replace(ARCHIVE, str(package)), "utf-8")
    begin = time.monotonic()
    command: list[str | Path] = [
        python,
        "-m",
        "nbconvert",
        "--to",
        "notebook",
        "--execute",
        "--allow-errors",
    ]
    limit = f"--ExecutePreprocessor.timeout={CELL_SECONDS}"
    _call(*command, limit, "--inplace", copy, cwd=folder)
    done = nbformat.read(copy, as_version=4)  # type: ignore[no-untyped-call]
    outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
    errors = [f"{o.ename}: {o.evalue}"[:300] for o in outputs if o.output_type == "error"]
    row = {"errors": errors, "seconds": round(time.monotonic() - begin)}
    print(f"{chapter}: {row}", flush=True)
    return row


def first_cell_alone(python: Path, package: Path, folder: Path) -> None:
    """Run the first cell, which installs, and put the weights where they would be fetched to."""
    cell = nbformat.v4.new_code_cell(first_cell("00").replace(ARCHIVE, str(package)))  # type: ignore[no-untyped-call]
    path = folder / "first.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)  # type: ignore[no-untyped-call]
    _call(python, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", path)
    code = "from synclora_lite.artifacts import models_dir; print(models_dir())"
    target = Path(_call(python, "-c", code, cwd=folder).strip())
    shutil.copytree(data_dir() / "models", target, dirs_exist_ok=True)


def main() -> None:
    """Run everything; fail if a notebook stops or a package that must stay was changed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--place", type=Path, default=Path(tempfile.gettempdir()) / "synclora-colab"
    )
    parser.add_argument("--python", default=PYTHON)
    parser.add_argument("--only", nargs="+", choices=CHAPTERS, default=list(CHAPTERS))
    options = parser.parse_args()
    python = environment(options.place, options.python)
    before = installed(python)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        package = archive(folder)
        first_cell_alone(python, package, folder)
        rows = {chapter: run(chapter, python, package, folder) for chapter in options.only}
        size = package.stat().st_size
    after = installed(python)
    changed = {
        name: [old, after.get(name)] for name, old in before.items() if after.get(name) != old
    }
    added = {name: version for name, version in after.items() if name not in before}
    values = {
        "versions": {re.split("==", line)[0]: line.split("==")[1] for line in VERSIONS},
        "archive_bytes": size,
        "added": added,
        "changed": changed,
        "notebooks": rows,
    }
    print(json.dumps(values, indent=2))
    if options.only == list(CHAPTERS):
        write_result("colab", values, command="make colab", seed=0)
    broken = [chapter for chapter, row in rows.items() if row["errors"]]
    if broken or size > MOST_BYTES or set(changed) & set(HELD):
        sys.exit(f"Error: chapters {broken}, {size} bytes, changed {sorted(changed)}")


def _call(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr[-4000:]}")
    return done.stdout


if __name__ == "__main__":
    main()
