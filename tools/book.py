"""Builds the book's pages in _build/html from the executed notebooks and the pages of book/.

The sources are staged first in the layout of the repository, so that links between pages, and
the links that open a notebook elsewhere, are the same in both.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from synclora_course.errors import CourseError
from synclora_lite.errors import in_one_line
from synclora_lite.files import write_atomic
from tools.house import PICTURE, draw
from tools.lighten import lighten
from tools.notebooks import EXECUTED, ROOT, Execution, execute_all, hash_files, in_turn, masters

BUILD = ROOT / "_build"
SOURCE = BUILD / "source"
HTML = BUILD / "html"
STAMP = BUILD / "html.sha256"


def build_book() -> Path:
    """Execute what changed, build the pages if anything did, and return the folder of pages.

    One process at a time: others wait, and find the pages up to date.

    Raises:
        CourseError: A notebook failed, or Sphinx warned.

    """
    with in_turn(ROOT / "_toc.yml"):
        return _build_book()


def _build_book() -> Path:
    stage(execute_all(masters()))
    digest = hash_files([*SOURCE.rglob("*"), *(ROOT / "tools").glob("*.py")])
    if STAMP.exists() and STAMP.read_text("utf-8") == digest and (HTML / "index.html").exists():
        print("The pages are up to date.")
        return HTML
    for folder in (HTML, BUILD / ".doctrees"):
        shutil.rmtree(folder, ignore_errors=True)
    _sphinx()
    lighten(HTML)
    write_atomic(STAMP, digest)
    return HTML


def stage(executions: list[Execution]) -> None:
    """Lay out the book's sources in _build/source: pages, executed notebooks, clips."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(ROOT / "book", SOURCE / "book", ignore=shutil.ignore_patterns("_static"))
    shutil.copytree(ROOT / "book" / "_static", SOURCE / "_static")
    if (ROOT / "data" / "clips").is_dir():
        shutil.copytree(ROOT / "data" / "clips", SOURCE / "_static" / "clips")
    write_atomic(SOURCE / PICTURE.relative_to(ROOT), draw())
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy2(ROOT / name, SOURCE)
    (SOURCE / "notebooks").mkdir()
    for execution in executions:
        shutil.copy2(EXECUTED / execution.notebook.name, SOURCE / "notebooks")


def _sphinx() -> None:
    """Run Jupyter Book over the staged sources; a warning is an error."""
    start = time.monotonic()
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(SOURCE)]
    command += ["--path-output", str(ROOT), "-W", "--keep-going", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CourseError(f"the pages have warnings or errors:\n{done.stdout}\n{done.stderr}")
    print(f"Pages built in {time.monotonic() - start:.0f} s: {HTML / 'index.html'}")


def main() -> None:
    """Build the book, or say in one line why not."""
    in_one_line(build_book)


if __name__ == "__main__":
    main()
