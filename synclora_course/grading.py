"""Grade a student's notebook apart: its code runs in a process of its own, with limits.

The process has a time limit for every exercise, a memory limit, an empty folder to work in, no
input, no more of our environment than it needs (so no tokens), and cannot write large files. It
is no wall against an attacker, who could read what the user can read: for strangers' notebooks
use a container, as `otter grade` does.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from synclora_course.errors import CourseError
from synclora_course.masters import read_notebook
from synclora_course.review import Progress, progress, solved_cells
from synclora_lite.errors import SyncLoraError

KEPT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "LD_LIBRARY_PATH",
        "SYNCLORA_DATA", "OMP_NUM_THREADS", "MKL_NUM_THREADS")  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """What an exercise may take.

    Attributes:
        seconds: For each exercise; the first has that of the notebook's imports besides.
        start: Seconds until Python and the package have started.
        memory: Bytes of writable memory.
        file: Bytes in one file.

    """

    seconds: float | int = 120.0
    start: float | int = 120.0
    memory: int = 4_000_000_000
    file: int = 100_000_000


LIMITS = Limits()


def grade(path: Path, limits: Limits = LIMITS) -> list[Progress]:
    """Run the checks of a student's notebook in another process.

    An exercise that breaks a limit is "not yet"; those after it are checked in a fresh process.

    Raises:
        ArtifactError: The file is missing or not JSON.
        CourseError: It is no notebook of this book, or its imports fail.

    """
    solved = solved_cells(read_notebook(path), path)
    rows: list[Progress] = []
    while len(rows) < len(solved):
        fresh, trouble = _work(path, len(rows), len(solved) - len(rows), limits)
        rows += fresh
        if len(rows) < len(solved):
            about = solved[len(rows)]["metadata"]["exercise"]
            rows.append(Progress(about["id"], about["title"], "not yet", trouble))
    return rows


def _work(path: Path, first: int, count: int, limits: Limits) -> tuple[list[Progress], str]:
    """Check exercises from `first` on; return those that were checked, and why it ended there."""
    with tempfile.TemporaryDirectory(prefix="synclora-grading-") as place:
        answers = Path(place) / "answers.jsonl"
        work = Path(place) / "work"
        work.mkdir()
        with _apart([str(path.absolute()), str(answers), str(first)], work, limits) as process:
            seen, since, late = -1, time.monotonic(), False
            while process.poll() is None and seen < count and not late:
                time.sleep(0.05)
                if (found := len(_read(answers)) - 1) > seen:  # the first line says that it began
                    seen, since = found, time.monotonic()
                allowed = limits.start if seen < 0 else limits.seconds
                late = time.monotonic() - since > allowed
        rows = _read(answers)[1:]
        for row in rows:
            if "error" in row:
                raise CourseError(*row["error"])
    ended = f"ended its process (status {process.returncode})"
    trouble = f"took longer than {limits.seconds:g} s" if late else ended
    return [Progress(**row) for row in rows], trouble


@contextmanager
def _apart(arguments: list[str], work: Path, limits: Limits) -> Iterator[subprocess.Popen[bytes]]:
    """Start a grader in a session of its own; when the block ends, all of it has ended."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    command = [sys.executable, "-m", "synclora_course.grading", *arguments]
    process = subprocess.Popen(
        [*command, str(limits.memory), str(limits.file)],
        cwd=work,
        env={**kept, "HOME": str(work), "SYNCLORA_CACHE": str(work / "cache")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.poll()  # it has ended already
        process.wait()


def _read(answers: Path) -> list[dict[str, Any]]:
    """Return the whole lines written so far that are answers at all."""
    if not answers.exists():
        return []
    lines = answers.read_text("utf-8", "replace").split("\n")[:-1]
    return [json.loads(line) for line in lines]


def main() -> None:
    """Check exercises and write a line for each: the process that `grade` starts."""
    import resource

    import synclora_course.checks.framework  # noqa: F401 -- what takes time to start, starts now

    path, answers, first, memory, file = sys.argv[1:]
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(file), int(file)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # too large a file is an OSError, as a full disk
    with Path(answers).open("w", encoding="utf-8", buffering=1) as stream:
        stream.write("{}\n")
        try:
            for row in progress(Path(path), int(first)):
                stream.write(json.dumps(asdict(row)) + "\n")
        except SyncLoraError as error:
            stream.write(json.dumps({"error": [error.what, error.expected, error.advice]}) + "\n")


if __name__ == "__main__":
    main()
