"""Decode a file with ffmpeg: pictures through a pipe, what is known about them from its log."""

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from io import BufferedReader
from pathlib import Path
from typing import cast

import numpy as np
from jaxtyping import UInt8

from synclora_lite.errors import VideoError
from synclora_lite.video.ffmpeg import Run, address, run_ffmpeg, source_arguments
from synclora_lite.video.limits import Limits, label
from synclora_lite.video.stream import Stream, describe

EXPECTED = "an mp4, mov, webm or gif clip"
AGAIN = "export it again, for example with: ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4"
_LATEST = 1e7  # seconds; a later time stamp means "unknown", or nothing
Picture = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class Decoded:
    """What a finished ffmpeg has told about its input.

    Attributes:
        path: The file.
        run: The finished process.
        times: Seconds at which each frame begins.
        rate: The frame rate that the file declares, if any.
        stream: What the file says about its pictures.

    """

    path: Path
    run: Run
    times: list[float]
    rate: float | None
    stream: Stream

    def check_whole(self) -> None:
        """Raise VideoError if ffmpeg reported any damage, or found nothing to show."""
        name, problem = label(self.path), self.run.verdict()
        why = f" ({problem})" if problem else ""
        if "matches no streams" in problem:
            raise VideoError(f"{name} holds no video stream", EXPECTED, "check that it is the clip")
        if "not on whitelist" in problem:
            raise VideoError(f"{name} is no video file", EXPECTED, "check that it is the clip")
        if self.times and problem:
            raise VideoError(f"{name} is damaged or cut short{why}", EXPECTED, AGAIN)
        if problem or self.run.process.returncode:
            raise VideoError(f"{name} cannot be read as video{why}", EXPECTED, AGAIN)
        if not self.times:
            raise VideoError(f"{name} holds no frame", EXPECTED, AGAIN)


def decode(path: Path, add: Callable[[Picture], None], limits: Limits, frames: int) -> Decoded:
    """Decode up to `frames` frames and hand each to `add`.

    Damage is not raised here but by `Decoded.check_whole`.

    Raises:
        VideoError: It took too long, or held too many pixels.

    """
    stream = describe(path, limits)
    with tempfile.TemporaryDirectory(prefix="synclora-") as folder:
        stamps = Path(folder) / "stamps"
        arguments = [
            *("-nostdin", *stream.decoder, *source_arguments(path, limits), "-map", "0:V:0"),
            *("-map_metadata", "-1", "-vf", stream.filters),
            *("-fps_mode", "passthrough", "-frames:v", str(frames)),
            *("-stats_enc_pre", address(stamps), "-stats_enc_pre_fmt", "{tb} {ptsi} {tbi}"),
            *("-threads", "1", "-f", "image2pipe", "-c:v", "ppm", "pipe:1"),
        ]
        with run_ffmpeg(arguments, limits) as run:
            pixels = 0
            while (picture := _read_ppm(run, limits)) is not None:
                run.beat()
                add(picture)
                pixels += picture.size // 3
                if pixels > limits.decoded_pixels:
                    raise _too_long(path, limits)
        if run.timed_out:
            stall, most = f"{limits.stall_seconds:.0f} s", f"{limits.seconds:.0f} s"
            what = f"{label(path)} was given up: no frame in {stall} of decoding, or {most} in all"
            raise VideoError(what, EXPECTED, AGAIN)
        lines = stamps.read_text("utf-8").splitlines() if stamps.exists() else []
        return Decoded(path, run, *_stamps(lines[:frames]), stream)


def _too_long(path: Path, limits: Limits) -> VideoError:
    return VideoError(
        f"{label(path)} holds more than {limits.decoded_pixels / 1e9:g} billion pixels",
        "at most 24 seconds of full HD",
        "trim it, scale it down, or read fewer frames (max_frames)",
    )


def _stamps(lines: Sequence[str]) -> tuple[list[float], float | None]:
    """Return seconds for each frame, and the frame rate, whose inverse the encoder counts in."""
    times: list[float] = []
    rate: float | None = None
    for line in lines:
        unit, stamp, stamp_unit = line.split()
        rate = float(1 / Fraction(unit)) if Fraction(unit) > 0 else None
        time = float(int(stamp) * Fraction(stamp_unit))
        follows = times[-1] + 1 / (rate or 25.0) if times else 0.0
        times.append(time if abs(time) < _LATEST else follows)
    return times, rate


def _read_ppm(run: Run, limits: Limits) -> Picture | None:
    """Read one picture in the portable pixmap format, which tells its own size; None at the end."""
    header = [run.stdout.readline(32) for _ in range(3)]
    match = re.fullmatch(rb"P6\n(\d+) (\d+)\n255\n", b"".join(header))
    if not match:
        return None
    width, height = int(match[1]), int(match[2])
    if width * height > limits.frame_pixels:
        return None
    stream = cast("BufferedReader", run.stdout)
    picture = np.empty((height, width, 3), dtype=np.uint8)
    view, filled = picture.reshape(-1).data, 0
    while filled < len(view):
        got = stream.readinto(view[filled:])
        if not got:
            return None
        filled += got
    return picture
