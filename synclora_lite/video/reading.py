"""Read a clip: decode, apply rotation and pixel aspect, find the frame rate, crop and scale."""

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from synclora_lite.errors import VideoError
from synclora_lite.video.clip import Clip, regular_grid
from synclora_lite.video.ffmpeg import Run, address, run_ffmpeg, source_arguments
from synclora_lite.video.geometry import crop
from synclora_lite.video.limits import CLIP, LIMITS, Limits, check_size, label, regular_file
from synclora_lite.video.stream import Stream, describe

AGAIN = "export it again, for example with: ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4"
_LATEST = 1e7  # seconds; a later time stamp means "unknown", or nothing
Picture = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class VideoInfo:
    """What a clip is, counted on its decoded frames: as `read_clip` returns them."""

    width: int  # pixels, upright and square
    height: int
    frames: int
    fps: float  # constant
    duration: float  # seconds, frames / fps
    rotation: int  # degrees counter-clockwise by which the file asked to be turned
    has_audio: bool
    codec: str  # ffmpeg's name of the video codec, e.g. "h264"


def probe(path: str | Path, *, limits: Limits = LIMITS) -> VideoInfo:
    """Describe a clip by decoding it once without keeping the frames; raises as `read_clip`."""
    path = regular_file(path, CLIP)
    sizes: list[tuple[int, int]] = []
    times, rate, stream = _decode(path, lambda picture: sizes.append(picture.shape[:2]), limits)
    height, width = sizes[0]
    fps, grid = regular_grid(times, rate, limits.frames)
    about = stream.rotation, stream.has_audio, stream.codec
    return VideoInfo(width, height, len(grid), fps, len(grid) / fps, *about)


def read_clip(path: str | Path, *, limits: Limits = LIMITS) -> Clip:
    """Read a clip as upright RGB frames with square pixels at a constant rate.

    A variable frame rate becomes a constant one (`regular_grid`), HDR and other colours plain ones
    (see `stream`; `Clip.notes` says so); the sound track, if any, is remembered as `Clip.audio` and
    written again by `write_clip`. Raises VideoError if the file is missing, empty, no video,
    damaged, too small or too large.
    """
    path = regular_file(path, CLIP)
    kept: list[Any] = []

    def keep(picture: Picture) -> None:
        if kept and picture.shape != kept[0].shape:
            raise VideoError(f"{label(path)} changes its picture size", "one size", AGAIN)
        kept.append(picture)
        _check_total(path, len(kept), picture, limits)

    times, rate, stream = _decode(path, keep, limits)
    fps, grid = regular_grid(times, rate, limits.frames)
    _check_total(path, len(grid), kept[0], limits)
    frames = np.empty((len(grid), *kept[0].shape), dtype=np.uint8)
    for row, index in enumerate(grid):
        frames[row] = kept[index]
        kept[:index] = [None] * int(index)  # free what is copied
    audio = path if stream.has_audio else None
    return Clip(frames, fps, audio, max(0.0, times[0]), stream.notes)


def _check_total(path: Path, count: int, picture: Picture, limits: Limits) -> None:
    height, width = picture.shape[:2]
    if count * height * width > limits.total_pixels:
        what = f"{label(path)} holds more than {count - 1} frames of {width}x{height}"
        most = f"at most {limits.total_pixels // 10**6} million pixels in all"
        raise VideoError(what, most, "trim it or scale it down")


def side_by_side(source: Clip | str | Path) -> tuple[Clip, Clip]:
    """Split a two-panel clip into its left and right halves (a middle odd column is dropped).

    The pairs of arXiv 2512.03013 are generated this way: 960x480, two panels of 480x480. Raises
    VideoError if the file cannot be read, or a half would be narrower than 16 pixels.
    """
    clip = source if isinstance(source, Clip) else read_clip(source)
    height, width = clip.size
    half = width // 2
    return crop(clip, (0, 0, half, height)), crop(clip, (width - half, 0, width, height))


def _decode(
    path: Path, add: Callable[[Picture], None], limits: Limits
) -> tuple[list[float], float | None, Stream]:
    """Decode a file in a process of its own and hand each picture to `add`.

    Returns the seconds at which each picture begins, the frame rate that the file declares if it
    does, and what the file says about its pictures.
    """
    stream = describe(path, limits)
    with tempfile.TemporaryDirectory(prefix="synclora-") as folder:
        stamps = Path(folder) / "stamps"
        arguments = [
            *("-nostdin", *stream.decoder, *source_arguments(path, limits), "-map", "0:V:0"),
            *("-map_metadata", "-1", "-vf", stream.filters),
            *("-fps_mode", "passthrough", "-frames:v", str(limits.frames + 1)),
            *("-stats_enc_pre", address(stamps), "-stats_enc_pre_fmt", "{tb} {ptsi} {tbi}"),
            *("-threads", "1", "-f", "image2pipe", "-c:v", "ppm", "pipe:1"),
        ]
        pixels = 0
        with run_ffmpeg(arguments, limits) as run:
            while (picture := _read_ppm(run, limits)) is not None:
                if run.beats == 0:
                    check_size(path, picture.shape[0], picture.shape[1], limits)
                run.beats += 1
                add(picture)
                pixels += picture.size // 3
                if pixels > limits.decoded_pixels:
                    what = (
                        f"{label(path)} holds over {limits.decoded_pixels / 1e9:g} billion pixels"
                    )
                    raise VideoError(what, "at most 24 seconds of full HD", "trim or scale it down")
        lines = stamps.read_text("utf-8").splitlines() if stamps.exists() else []
    times, rate = _stamps(lines)
    _check_whole(path, run, limits, shown=bool(times))
    if run.beats > limits.frames:
        what = f"{label(path)} holds more than {limits.frames} frames"
        raise VideoError(what, f"at most {limits.frames}", "trim it")
    return times[: run.beats], rate, stream


def _check_whole(path: Path, run: Run, limits: Limits, *, shown: bool) -> None:
    """Raise VideoError if ffmpeg took too long, reported any damage, or found nothing to show."""
    problem, advice = run.verdict(), AGAIN
    why = f" ({problem})" if problem else ""
    if run.timed_out:
        stall, most = f"{limits.stall_seconds:.0f} s", f"{limits.seconds:.0f} s"
        what = f"was given up: no frame in {stall} of decoding, or {most} in all"
    elif "matches no streams" in problem:
        what, advice = "holds no video stream", "check that it is the clip"
    elif "not on whitelist" in problem:
        what, advice = "is no video file", "check that it is the clip"
    elif shown and problem:
        what = f"is damaged or cut short{why}"
    elif problem or run.process.returncode:
        what = f"cannot be read as video{why}"
    elif not shown:
        what = "holds no frame"
    else:
        return
    raise VideoError(f"{label(path)} {what}", CLIP, advice)


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
