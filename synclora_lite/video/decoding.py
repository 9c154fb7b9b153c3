"""Decode a file with ffmpeg: pictures through a pipe, what is known about them from its log."""

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

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
    """What a finished ffmpeg has told about its input."""

    path: Path
    run: Run  # the finished process
    times: list[float]  # seconds at which each frame begins
    rate: float | None  # frames a second as the file declares them, if it does
    stream: Stream  # what the file says about its pictures

    def check_whole(self) -> None:
        """Raise VideoError if ffmpeg reported any damage, or found nothing to show."""
        problem, advice = self.run.verdict(), AGAIN
        why = f" ({problem})" if problem else ""
        if "matches no streams" in problem:
            what, advice = "holds no video stream", "check that it is the clip"
        elif "not on whitelist" in problem:
            what, advice = "is no video file", "check that it is the clip"
        elif self.times and problem:
            what = f"is damaged or cut short{why}"
        elif problem or self.run.process.returncode:
            what = f"cannot be read as video{why}"
        elif not self.times:
            what = "holds no frame"
        else:
            return
        raise VideoError(f"{label(self.path)} {what}", EXPECTED, advice)


def decode(path: Path, add: Callable[[Picture], None], limits: Limits, frames: int) -> Decoded:
    """Decode up to `frames` frames and hand each to `add`; damage is left to `check_whole`.

    Raises VideoError if it takes too long, or holds too many pixels.
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
        pixels = 0
        with run_ffmpeg(arguments, limits) as run:
            while (picture := _read_ppm(run, limits)) is not None:
                run.beats += 1
                add(picture)
                pixels += picture.size // 3
                if pixels > limits.decoded_pixels:
                    raise VideoError(
                        f"{label(path)} holds more than {limits.decoded_pixels / 1e9:g} billion "
                        "pixels",
                        "at most 24 seconds of full HD",
                        "trim it, scale it down, or read fewer frames (max_frames)",
                    )
        if run.timed_out:
            stall, most = f"{limits.stall_seconds:.0f} s", f"{limits.seconds:.0f} s"
            what = f"{label(path)} was given up: no frame in {stall} of decoding, or {most} in all"
            raise VideoError(what, EXPECTED, AGAIN)
        lines = stamps.read_text("utf-8").splitlines() if stamps.exists() else []
        return Decoded(path, run, *_stamps(lines[:frames]), stream)


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
    header = b"".join(run.stdout.readline(32) for _ in range(3))
    match = re.fullmatch(rb"P6\n(\d+) (\d+)\n255\n", header)
    if not match or int(match[1]) * int(match[2]) > limits.frame_pixels:
        return None
    width, height = int(match[1]), int(match[2])
    pixels = run.stdout.read(3 * width * height)
    whole = len(pixels) == 3 * width * height
    return np.frombuffer(pixels, np.uint8).reshape(height, width, 3) if whole else None
