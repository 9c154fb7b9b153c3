"""Take away what commands stand on: room on the disk, leave to write, their input, memory.

    python -m tests.robustness.places

Every command runs as a process of its own, on a small file system in memory (tmpfs). It has to
end with status 1 and one line, to leave what was there before as it was and nothing half-written;
and, given back what it lacked, to end well. Mounting needs root, or `unshare --map-root-user
--mount` before the command, which needs no more than a user's rights.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from synclora_lite.files import data_dir
from tests.robustness.kills import contents, half_written, training, unscored
from tests.robustness.ledger import Ledger

GIGABYTE = 1_000_000_000
KEPT = "earlier.txt"


@dataclass(frozen=True)
class Command:
    """A command line with FOLDER for its folder, and what it needs there."""

    words: tuple[str, ...]
    prepare: Callable[[Path], object] = lambda folder: folder.mkdir(parents=True, exist_ok=True)
    kilobytes: int = 60  # of room that is not enough
    input: str = ""  # what is removed from the folder while it runs


def _clip(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("hair.mp4", "hair-edited.png"):
        (folder / name).write_bytes((data_dir() / "clips" / name).read_bytes())


EDIT = ("edit", "FOLDER/hair.mp4", "--first-frame", "FOLDER/hair-edited.png", "--out",
        "FOLDER/out.mp4", "--method")  # fmt: skip
COMMANDS: dict[str, Command] = {
    "pairs build": Command(("pairs", "build", "FOLDER/pairs", "--pairs", "12")),
    "pairs score": Command(
        ("pairs", "score", "FOLDER/pairs"),
        lambda folder: unscored(folder / "pairs"),
        kilobytes=1,
        input="pairs/edited/exact-0-000005.mp4",
    ),
    "train": Command(
        ("train", "FOLDER/config.toml", "--quiet"),
        training,
        input="bank/pairs-0.safetensors",
    ),
    "exam": Command(
        ("exam", "--method", "truth", "--clips", "2", "--out", "FOLDER/exam"), kilobytes=0
    ),
    "edit": Command((*EDIT, "deformation-propagation"), _clip, kilobytes=10, input="hair.mp4"),
    "edit by the model": Command((*EDIT, "sync-lora", "--restore"), _clip, kilobytes=10),
}


def start(command: Command, folder: Path, memory: int | None = None) -> subprocess.Popen[str]:
    """Start the command in a process of its own, perhaps with bounded memory."""
    words = [word.replace("FOLDER", str(folder)) for word in command.words]
    line = [sys.executable, "-m", "synclora_lite.cli", *words]
    if memory:
        line = ["prlimit", f"--data={memory}", *line]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "SYNCLORA_CACHE": str(folder / ".cache")}
    return subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def told(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the status of a finished command and what it said on stderr."""
    error = process.communicate(timeout=900)[1]
    return process.returncode, error.strip()


def wrong_ending(status: int, error: str) -> str:
    """Return what is wrong about how a command failed: "" for one clear line and status 1."""
    lines = [line for line in error.splitlines() if line.strip()]
    if status != 1 or not lines or not lines[-1].startswith("Error: "):
        return f"status {status}: {error[-300:]}"
    if len(lines) > 1 or "fault of the program" in error:
        return f"more than a clear line: {error[-300:]}"
    return ""


@contextmanager
def small_disk() -> Iterator[Path]:
    """Mount a file system of 200 MB in memory."""
    with tempfile.TemporaryDirectory(prefix="small-") as place:
        _call("mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", place)
        try:
            yield Path(place)
        finally:
            _call("umount", "--lazy", place)


def _call(*words: str) -> None:
    subprocess.run(words, check=True)


def full_disk(command: Command) -> str:
    """Run with too little room, then with enough."""
    with small_disk() as disk:
        folder, filler = disk / "work", disk / "filler"
        command.prepare(folder)
        (folder / KEPT).write_text("kept")
        before = contents(folder)
        room = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - 1024 * command.kilobytes
        with filler.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, room)
        fault = wrong_ending(*told(start(command, folder)))
        fault = fault or _changed(before, folder)
        filler.unlink()
        return fault or _well(command, folder)


def read_only(command: Command) -> str:
    """Run where nothing can be written, then where it can."""
    with small_disk() as disk:
        folder = disk / "work"
        command.prepare(folder)
        (folder / KEPT).write_text("kept")
        before = contents(folder)
        _call("mount", "-o", "remount,ro", str(disk))
        fault = wrong_ending(*told(start(command, folder)))
        fault = fault or _changed(before, folder)
        _call("mount", "-o", "remount,rw", str(disk))
        return fault or _well(command, folder)


def removed_input(command: Command) -> str:
    """Remove the input while the command runs; it may have read it already."""
    with small_disk() as disk:
        folder = disk / "work"
        command.prepare(folder)
        lost = folder / command.input
        content = lost.read_bytes()
        process = start(command, folder)
        timer = threading.Timer(3.0, lost.unlink)
        timer.start()
        status, error = told(process)
        timer.join()
        fault = "" if status == 0 else wrong_ending(status, error)
        wrong = half_written(folder)
        lost.write_bytes(content)
        return fault or (f"half-written: {wrong}" if wrong else "") or _well(command, folder)


def little_memory(command: Command) -> str:
    """Run with 1 GB of memory: it is enough, or said not to be."""
    with small_disk() as disk:
        folder = disk / "work"
        command.prepare(folder)
        before = contents(folder)
        status, error = told(start(command, folder, memory=GIGABYTE))
        fault = "" if status == 0 else wrong_ending(status, error)
        return fault or ("" if status == 0 else _changed(before, folder))


FAULTS: dict[str, Callable[[Command], str]] = {
    "a full disk": full_disk,
    "a read-only disk": read_only,
    "an input removed": removed_input,
    "1 GB of memory": little_memory,
}


def _changed(before: dict[str, bytes], folder: Path) -> str:
    """Return what of the earlier files changed, or what is half-written."""
    after = contents(folder)
    lost = [name for name, content in before.items() if not _kept(name, content, after)]
    left = [n for n in after if re.search(r"(^|/)\.[^/]*\.[0-9a-f]{8}\.", n)]
    wrong = half_written(folder)
    return (
        f"changed {lost}, left over {left}, half-written {wrong}" if lost or left or wrong else ""
    )


def _kept(name: str, content: bytes, after: dict[str, bytes]) -> bool:
    """Whether a file is as it was; a manifest may have grown."""
    now = after.get(name, b"")
    return now == content or (name.endswith(".jsonl") and now.count(b"\n") >= content.count(b"\n"))


def _well(command: Command, folder: Path) -> str:
    """Run again, with all that is needed."""
    status, error = told(start(command, folder))
    return "" if status == 0 else f"does not go on afterwards: {error[-300:]}"


def main() -> int:
    """Try every fault on every command; the exit status is 1 if one was not survived."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", choices=COMMANDS, action="append")
    options = parser.parse_args()
    ledger = Ledger("places", {"only": options.only})
    begin = time.monotonic()
    for kind, fault in FAULTS.items():
        for name in options.only or COMMANDS:
            case = f"{name}: {kind}"
            if case in ledger.done() or (fault is removed_input and not COMMANDS[name].input):
                continue
            ledger.add(case, kind, fault(COMMANDS[name]))
    print(ledger.table())
    print(f"{time.monotonic() - begin:.0f} s")
    lost = len(ledger.lost)
    if not options.only:
        ledger.finish(command="python -m tests.robustness.places", seed=0)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
