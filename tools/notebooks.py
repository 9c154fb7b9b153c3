"""Executes notebooks with papermill, once: a result is kept until what it was made from changes.

Each notebook runs in an empty folder of its own, two at a time, with single-threaded mathematics.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from synclora_course.errors import CourseError
from synclora_lite.errors import in_one_line
from synclora_lite.files import write_json

ROOT = Path(__file__).resolve().parents[1]
MASTERS = ROOT / "notebooks"
EXECUTED = ROOT / "_build" / "notebooks"
WORKERS = 2
CELL_SECONDS = 1800  # of a processor without bfloat16, too
WIDGET = "application/vnd.jupyter.widget-view+json"
STILLS = ("text/html", "image/png", "image/svg+xml", "image/jpeg")
NATIVE_LOG = re.compile(
    r"^([IWEF]\d{4} .*|WARNING: All log messages before absl.*|INFO: Created TensorFlow.*|\s*)$"
)


@dataclass(frozen=True)
class Execution:
    """One executed notebook: its source, the result, how long it took, whether it was reused."""

    notebook: Path
    output: Path
    seconds: float
    reused: bool


def masters() -> list[Path]:
    """List the master notebooks in reading order."""
    return sorted(MASTERS.glob("[0-9][0-9]_*.ipynb"))


def execute_all(notebooks: Sequence[Path], folder: Path = EXECUTED) -> list[Execution]:
    """Execute notebooks into `folder`, or reuse what is there, and tell the progress.

    Raises:
        CourseError: A cell failed; the message ends with its traceback. The others still run.

    """
    done: list[Execution] = []
    failures: list[CourseError] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        jobs = [pool.submit(execute, notebook, folder) for notebook in notebooks]
        for count, job in enumerate(as_completed(jobs), start=1):
            error = job.exception()
            if isinstance(error, CourseError):
                failures.append(error)
                continue
            execution = job.result()
            done.append(execution)
            how = "unchanged" if execution.reused else f"{execution.seconds:.0f} s"
            print(f"[{count}/{len(jobs)}] {execution.notebook.stem}: {how}", flush=True)
    if failures:
        raise CourseError("\n".join(str(failure) for failure in failures))
    return sorted(done, key=lambda execution: execution.notebook)


def execute(notebook: Path, folder: Path = EXECUTED) -> Execution:
    """Execute one notebook into `folder`, unless the result there was made from the same content.

    A process that asks for a notebook that another one executes waits, and reuses its result.

    Raises:
        CourseError: A cell failed, or printed to stderr, or shows a widget that has no still.

    """
    output = folder / notebook.name
    with in_turn(notebook):
        digest = notebook_digest(notebook)
        if output.exists():
            record = json.loads(output.read_text("utf-8"))["metadata"].get("execution", {})
            if record.get("digest") == digest:
                return Execution(notebook, output, record["seconds"], reused=True)
        start = time.monotonic()
        content = clean(_papermill(notebook), notebook.name)
        seconds = round(time.monotonic() - start, 1)
        content["metadata"]["execution"] = {"digest": digest, "seconds": seconds}
        write_json(output, content)
        return Execution(notebook, output, seconds, reused=False)


@contextmanager
def in_turn(file: Path) -> Iterator[None]:
    """Let others that ask for the same file wait until this block ends, or its process does."""
    lock = EXECUTED / f".{file.name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        yield


def notebook_digest(notebook: Path) -> str:
    """Hash what an execution depends on: the cells, the package, the data and the pins."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    sources = [[cell["cell_type"], cell["source"], cell["metadata"]] for cell in cells]
    return hashlib.sha256((json.dumps(sources) + _surroundings()).encode()).hexdigest()


@cache
def _surroundings() -> str:
    """Hash the package, the shipped data, the pinned versions and the interpreter's version."""
    folders = ("synclora_lite", "synclora_course", "data")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    return hash_files([*paths, ROOT / "constraints.txt"]) + sys.version


def hash_files(paths: Iterable[Path]) -> str:
    """Hash names and contents of files; folders, bytecode and hidden files do not count."""
    digest = hashlib.sha256()
    for path in sorted(set(paths)):
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
            digest.update(f"{path.relative_to(ROOT)} {path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _papermill(notebook: Path) -> dict[str, Any]:
    """Run a notebook in an empty folder, in a process of its own, and return it with outputs."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    with tempfile.TemporaryDirectory() as scratch:
        result = Path(scratch) / "result" / notebook.name
        result.parent.mkdir()
        work = Path(scratch) / "work"
        work.mkdir()
        options = ["-k", "python3", "--no-progress-bar", "--cwd", str(work)]
        options += ["--execution-timeout", str(CELL_SECONDS)]
        done = subprocess.run(
            [sys.executable, "-m", "papermill", str(notebook), str(result), *options],
            env={**os.environ, **threads},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CourseError(f"{notebook.name} failed:\n" + _tail(done.stderr))
        content: dict[str, Any] = json.loads(result.read_text("utf-8"))
        return content


def _tail(text: str, lines: int = 40) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])


def clean(content: dict[str, Any], name: str) -> dict[str, Any]:
    """Drop what a static page cannot use: run-time records, widget state, native libraries' logs.

    Raises:
        CourseError: A cell printed to stderr, or shows a widget that has no still.

    """
    for key in ("papermill", "widgets"):
        content["metadata"].pop(key, None)
    for number, cell in enumerate(content["cells"]):
        cell["metadata"].pop("papermill", None)
        cell["metadata"].pop("execution", None)
        if "outputs" in cell:
            where = f"{name}, cell {number}"
            cell["outputs"] = [
                kept for out in cell["outputs"] if (kept := _page_output(out, where))
            ]
    return content


def _page_output(output: dict[str, Any], where: str) -> dict[str, Any] | None:
    """Return an output as the page shows it, or nothing."""
    if output.get("name") == "stderr":
        text = "".join(output["text"])
        if all(NATIVE_LOG.match(line) for line in text.splitlines()):
            return None
        raise CourseError(
            f"{where} printed to stderr: {text.strip()[:500]}", "no warnings in pages"
        )
    if WIDGET in output.get("data", {}):
        if not set(STILLS) & set(output["data"]):
            raise CourseError(
                f"{where} shows a widget without a still", "an html or image fallback"
            )
        del output["data"][WIDGET]
    return output


def main() -> None:
    """Execute the notebooks named on the command line, or all masters."""
    named = [Path(argument).resolve() for argument in sys.argv[1:]]
    in_one_line(lambda: execute_all(named or masters()))


if __name__ == "__main__":
    main()
