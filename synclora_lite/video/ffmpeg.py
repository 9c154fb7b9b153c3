"""Run ffmpeg on files nobody vouches for: no shell, a few known formats, bounded memory and time.

File names reach ffmpeg as `file:` addresses, so that leading dashes, colons and `concat:` are
plain characters of a name. Only container formats that hold their own pictures are let in:
play lists, subtitles and image patterns, which can name other files, are not.

Why not PyAV: its decoding runs inside this process and cannot be ended. With a WebM of 50 kB that
unfolds to 16384x8192 pixels, PyAV 18 with `timeout=0.2` (which bounds reading alone) took 2.1 s and
650 MB for each frame, and closing the container from a watching thread crashed the interpreter. In
a process of its own it would need all that is here; and its ffmpeg has no zscale for HDR.
"""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import imageio_ffmpeg
import psutil

from synclora_lite.errors import VideoError
from synclora_lite.video.limits import Limits

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,gif,avi,mpegts,mpeg,ogg,flv,asf,webp,webp_anim"
# Before the input is described, tags of the file stand in the log: only the start of a line counts
# there. Later lines hold none, but those of several threads may run into each other.
_PROBLEM = re.compile(rb"^(?:\[[^\]]+ @ 0x[0-9a-f]+\] )?\[(?:error|fatal|panic)\] (.*)")
_LATE_PROBLEM = re.compile(rb"\[(?:error|fatal|panic)\] (.*)")
_HEADER_LINES, _PROBLEM_LINES, _LINE = 4000, 20, 2000


@dataclass
class Run:
    """One running ffmpeg and what it has said so far."""

    process: subprocess.Popen[bytes]
    lines: list[str] = field(default_factory=list)  # the description of the input
    problems: list[str] = field(default_factory=list)  # lines logged as errors
    beats: int = 0  # how often there was progress
    timed_out: bool = False

    @property
    def stdout(self) -> IO[bytes]:
        """What ffmpeg writes."""
        assert self.process.stdout is not None
        return self.process.stdout

    @property
    def stdin(self) -> IO[bytes]:
        """What ffmpeg reads."""
        assert self.process.stdin is not None
        return self.process.stdin

    def beat(self) -> None:
        """Tell the watchdog that there was progress."""
        self.beats += 1

    def verdict(self) -> str:
        """Return the first problem in the log, short and printable; "" if there was none."""
        problem = self.problems[0] if self.problems else ""
        return "".join(x if x.isprintable() else " " for x in problem).strip(" .")[:120]

    def hear(self, line: bytes) -> None:
        """Sort one line of the log into description and problems."""
        described = "[info] Stream mapping:" in self.lines
        problem = _LATE_PROBLEM.search(line) if described else _PROBLEM.match(line)
        if problem and len(self.problems) < _PROBLEM_LINES:
            self.problems.append(problem[1].decode("utf-8", "replace").strip())
        elif len(self.lines) < _HEADER_LINES:
            self.lines.append(line.decode("utf-8", "replace").rstrip())


def source_arguments(path: Path, limits: Limits) -> list[str]:
    """Return the arguments that open one untrusted input."""
    return [
        *("-protocol_whitelist", "file", "-format_whitelist", FORMATS),
        *("-max_streams", str(limits.streams), "-threads", "1"),
        *("-max_pixels", str(limits.frame_pixels), "-i", address(path)),
    ]


def address(path: Path) -> str:
    """Return the path as an ffmpeg address in which no character has a meaning."""
    return f"file:{path}"


@contextmanager
def run_ffmpeg(arguments: Sequence[str], limits: Limits) -> Iterator[Run]:
    """Start ffmpeg with pipes on all three streams; when the block ends it has ended too.

    The log is read by a thread of its own and kept only as far as it is bounded. A second thread
    kills the process when it computes without progress, or runs too long.

    Raises:
        VideoError: There is no ffmpeg.

    """
    command = [
        *(_executable(), "-hide_banner", "-nostats", "-v", "level+info"),
        *("-max_alloc", str(limits.memory // 2), "-filter_threads", "1", *arguments),
    ]
    pipe = subprocess.PIPE
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1"}  # reserve no memory by the thread
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
    run, done = Run(process), threading.Event()
    threads = [
        threading.Thread(target=_listen, args=(run,), daemon=True),
        threading.Thread(target=_watch, args=(run, limits, done), daemon=True),
    ]
    try:
        _limit_memory(process.pid, limits.memory)
        for thread in threads:
            thread.start()
        yield run
        _close(run.stdin)
        run.stdout.close()
        process.wait()
    finally:
        process.kill()
        process.wait()
        done.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                _close(stream)


def _executable() -> str:
    """Return the ffmpeg of imageio-ffmpeg, or the one that IMAGEIO_FFMPEG_EXE names."""
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise VideoError(
            "no ffmpeg was found", "the one that comes with imageio-ffmpeg", "run the set-up again"
        ) from error


def _listen(run: Run) -> None:
    """Read the log to its end; lines beyond a length are cut, their rest ignored."""
    assert run.process.stderr is not None
    whole = True
    while line := run.process.stderr.readline(_LINE):
        if whole:
            run.hear(line)
        whole = line.endswith(b"\n")


def _watch(run: Run, limits: Limits, done: threading.Event) -> None:
    """Kill ffmpeg when it computes without progress, or takes too long altogether.

    Progress is measured against processor time: on a busy machine a good clip takes long, too.
    """
    begin, beats, spent = time.monotonic(), 0, 0.0
    while not done.wait(min(0.2, limits.stall_seconds / 2)):
        now = _processor_seconds(run.process.pid)
        if run.beats > beats:
            beats, spent = run.beats, now
        if now - spent > limits.stall_seconds or time.monotonic() - begin > limits.seconds:
            run.timed_out = True
            run.process.kill()
            return


def _processor_seconds(pid: int) -> float:
    """Return the processor time a child has used; 0 once it is gone."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _limit_memory(pid: int, amount: int) -> None:
    """Bound the writable memory of a child where the system can (Linux)."""
    if sys.platform != "linux":
        return
    import resource

    try:
        resource.prlimit(pid, resource.RLIMIT_DATA, (amount, amount))
    except ProcessLookupError:
        return  # it has ended already, and its log says why


def _close(stream: IO[bytes]) -> None:
    """Close a pipe whose other end may be gone."""
    try:
        stream.close()
    except BrokenPipeError:
        return  # ffmpeg stopped reading; its exit status and log tell why
