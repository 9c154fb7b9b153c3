"""Run ffmpeg on files nobody vouches for: no shell, a few known formats, bounded memory and time.

File names reach ffmpeg as `file:` addresses, in which no character has a meaning. Only container
formats that hold their own pictures are let in, not those that can name other files.

Why not PyAV: its decoding runs inside this process and cannot be ended. Of a WebM of 50 kB that
unfolds to 16384x8192 pixels, PyAV 18 took 2.1 s and 650 MB for each frame, and closing it from a
watching thread crashed the interpreter. Its ffmpeg has no zscale for HDR.
"""

import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
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

    process: psutil.Popen
    stdin: IO[bytes]
    stdout: IO[bytes]
    lines: list[str] = field(default_factory=list)  # the description of the input
    problems: list[str] = field(default_factory=list)  # lines logged as errors
    beats: int = 0  # how often there was progress: whoever feeds or reads counts it up
    timed_out: bool = False

    def verdict(self) -> str:
        """Return the first problem in the log, short and printable; "" if there was none."""
        problem = self.problems[0] if self.problems else ""
        return "".join(x if x.isprintable() else " " for x in problem).strip(" .")[:120]

    def listen(self) -> None:
        """Sort the log into description and problems, up to a length of lines and a number."""
        whole = True
        while line := self.process.stderr.readline(_LINE):
            described = "[info] Stream mapping:" in self.lines
            problem = _LATE_PROBLEM.search(line) if described else _PROBLEM.match(line)
            if not whole:
                pass  # the rest of a line that was cut
            elif problem and len(self.problems) < _PROBLEM_LINES:
                self.problems.append(problem[1].decode("utf-8", "replace").strip())
            elif len(self.lines) < _HEADER_LINES:
                self.lines.append(line.decode("utf-8", "replace").rstrip())
            whole = line.endswith(b"\n")

    def watch(self, limits: Limits, done: threading.Event) -> None:
        """Kill ffmpeg if it takes too long, or too much processor time without progress."""
        begin, beats, spent = time.monotonic(), 0, 0.0
        with suppress(psutil.NoSuchProcess):  # it has ended by itself
            while not done.wait(min(0.2, limits.stall_seconds / 2)):
                now = sum(self.process.cpu_times()[:2])
                if self.beats > beats:
                    beats, spent = self.beats, now
                if now - spent > limits.stall_seconds or time.monotonic() - begin > limits.seconds:
                    self.process.kill()
                    self.timed_out = True
                    return


def source_arguments(path: Path, limits: Limits) -> list[str]:
    """Return the arguments that open one untrusted input."""
    return [
        *("-protocol_whitelist", "file", "-format_whitelist", FORMATS),
        *("-max_streams", str(limits.streams), "-threads", "1"),
        *("-max_pixels", str(limits.frame_pixels), "-i", f"file:{path}"),
    ]


@contextmanager
def run_ffmpeg(arguments: Sequence[str], limits: Limits) -> Iterator[Run]:
    """Start ffmpeg, its log read and its progress watched; when the block ends it has ended too."""
    try:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", "-v", "level+info"]
    except RuntimeError as error:
        raise VideoError("no ffmpeg was found", advice="run the set-up again") from error
    command += ["-max_alloc", str(limits.memory // 2), "-filter_threads", "1", *arguments]
    pipe = subprocess.PIPE
    memory = {  # no reserve by the thread; memory is filled, since x264 reads before it writes
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_PERTURB_": "1",
    }
    process = psutil.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=os.environ | memory)
    run, done = Run(process, process.stdin, process.stdout), threading.Event()
    threads = [
        threading.Thread(target=run.listen, daemon=True),
        threading.Thread(target=run.watch, args=(limits, done), daemon=True),
    ]
    try:
        if psutil.LINUX:  # elsewhere a process cannot be bounded from outside
            with suppress(psutil.NoSuchProcess):  # it has ended already, and its log says why
                most = process.rlimit(psutil.RLIMIT_DATA)[1]
                bound = limits.memory if most < 0 else min(limits.memory, most)
                process.rlimit(psutil.RLIMIT_DATA, (bound, bound))
        for thread in threads:
            thread.start()
        yield run
        _close(run.stdin)
        run.stdout.close()
        process.wait()
    finally:
        with suppress(psutil.NoSuchProcess):
            process.kill()
        process.wait()
        done.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
        for stream in (process.stdin, process.stdout, process.stderr):
            _close(stream)


def _close(stream: IO[bytes]) -> None:
    with suppress(BrokenPipeError):  # ffmpeg stopped reading; its exit status and log tell why
        stream.close()
