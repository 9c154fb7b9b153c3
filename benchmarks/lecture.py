"""A lecture on one shared machine: ``python -m benchmarks.lecture --students 8 --record``.

All students open the same installed package and models at once, each with a home and a cache of
their own, and run the solutions of chapters 0 and 3. Measured: how long it takes, how much memory
each one's processes hold (pages that several share are divided among them), whether anybody met
an error, and whether a file of the project changed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from tqdm.auto import tqdm

from synclora_course.notebook import notebook_name
from synclora_course.results import write_result
from synclora_lite.files import PROJECT

SHARED = ("synclora_lite", "synclora_course", "data/models", "notebooks")


def start(home: Path, chapter: str) -> subprocess.Popen[bytes]:
    """Begin to run a chapter's solutions as a student whose files are in `home`."""
    home.mkdir(parents=True, exist_ok=True)
    notebook = PROJECT / "notebooks/solutions" / f"{notebook_name(chapter)}.ipynb"
    command = [sys.executable, "-m", "papermill", str(notebook), str(home / notebook.name)]
    places = {"HOME": home, "XDG_CACHE_HOME": home / ".cache", "IPYTHONDIR": home / ".ipython"}
    environment = os.environ | {name: str(path) for name, path in places.items()}
    log = (home / f"{chapter}.log").open("wb")
    return subprocess.Popen(
        [*command, "--cwd", str(home), "--no-progress-bar"],
        env=environment | {"OMP_NUM_THREADS": "1"},
        stdout=log,
        stderr=log,
    )


def megabytes(process: psutil.Process) -> float:
    """Return what a process and its children hold, shared pages in part, in MB."""
    total = 0
    try:
        for each in [process, *process.children(recursive=True)]:
            total += each.memory_full_info().pss
    except psutil.NoSuchProcess:
        pass
    return total / 1e6


def attend(chapter: str, homes: list[Path]) -> dict[str, Any]:
    """Let all students run a chapter at once."""
    begun = time.monotonic()
    running = {home: start(home, chapter) for home in homes}
    peaks, seconds = dict.fromkeys(homes, 0.0), dict.fromkeys(homes, 0.0)
    with tqdm(total=len(homes), desc=f"chapter {chapter}", unit="student") as bar:
        while len([s for s in seconds.values() if s]) < len(homes):
            time.sleep(1)
            for home, process in running.items():
                if process.poll() is None:
                    peaks[home] = max(peaks[home], megabytes(psutil.Process(process.pid)))
                elif not seconds[home]:
                    seconds[home] = time.monotonic() - begun
                    bar.update()
    return {
        "failed": sum(process.returncode != 0 for process in running.values()),
        "first_seconds": round(min(seconds.values()), 1),
        "last_seconds": round(max(seconds.values()), 1),
        "megabytes": round(max(peaks.values())),
    }


def shared_files() -> dict[Path, int]:
    """Return when each shared file was last written."""
    files = [file for name in SHARED for file in (PROJECT / name).rglob("*") if file.is_file()]
    return {file: file.stat().st_mtime_ns for file in files if "__pycache__" not in file.parts}


def main() -> None:
    """Hold the lecture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=8)
    parser.add_argument("--chapters", nargs="+", default=["00", "03"])
    parser.add_argument("--record", action="store_true")
    given = parser.parse_args()
    before = shared_files()
    with tempfile.TemporaryDirectory() as folder:
        homes = [Path(folder) / f"student-{k:02d}" for k in range(given.students)]
        chapters = {chapter: attend(chapter, homes) for chapter in given.chapters}
    after = shared_files()
    changed = sum(before.get(file) != when for file, when in after.items())
    values = {"students": given.students, "chapters": chapters, "shared_files_changed": changed}
    print(values)
    if given.record:
        chosen = f"--students {given.students} --chapters {' '.join(given.chapters)}"
        command = f"python -m benchmarks.lecture {chosen} --record"
        write_result("lecture", values, command=command, seed=0)


if __name__ == "__main__":
    main()
