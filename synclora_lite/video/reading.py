"""Read a clip, upright, with square pixels and at one rate; and the provenance stored in it."""

import json
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from synclora_lite.errors import VideoError
from synclora_lite.video.clip import Clip, Grid, regular_grid
from synclora_lite.video.ffmpeg import Run, run_ffmpeg, source_arguments
from synclora_lite.video.geometry import crop
from synclora_lite.video.limits import CLIP, LIMITS, Limits, check_size, label, regular_file
from synclora_lite.video.stream import Stream, describe

AGAIN = "export it again, for example with: ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4"
_LATEST = 1e7  # seconds; a later time stamp means "unknown", or nothing
_LONGEST = 240_000  # characters of tags read; one argument of a process may have 128 kB
_TAG = re.compile(
    r"^(?:\[|(?P<key>(?:[^=\\\n;#\[]|\\.)+)=(?P<value>(?:[^\\\n]|\\(?:.|\n))*)$)", re.MULTILINE
)
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
    sizes: list[tuple[int, int]] = []
    (fps, grid), _, stream = _decode(Path(path), lambda p: sizes.append(p.shape[:2]), limits)
    height, width = sizes[0]
    about = stream.rotation, stream.has_audio, stream.codec
    return VideoInfo(width, height, len(grid), fps, len(grid) / fps, *about)


def read_clip(path: str | Path, *, limits: Limits = LIMITS) -> Clip:
    """Read a clip as upright RGB frames with square pixels at a constant rate.

    A variable frame rate becomes a constant one (`regular_grid`), HDR and other colours plain ones
    (`stream`; `Clip.notes` says so); the sound track is remembered as `Clip.audio`. Raises
    VideoError if the file is missing, empty, no video, damaged, too small or too large.
    """
    path, kept = Path(path), list[Any]()

    def keep(picture: Picture) -> None:
        if kept and picture.shape != kept[0].shape:
            raise VideoError(f"{label(path)} changes its picture size", "one size", AGAIN)
        kept.append(picture)
        _check_total(path, len(kept), picture, limits)

    (fps, grid), start, stream = _decode(path, keep, limits)
    _check_total(path, len(grid), kept[0], limits)
    frames = np.empty((len(grid), *kept[0].shape), dtype=np.uint8)
    for row, index in enumerate(grid):
        frames[row] = kept[index]
        kept[:index] = [None] * int(index)  # free what is copied
    return Clip(frames, fps, path if stream.has_audio else None, start, stream.notes)


def _check_total(path: Path, count: int, picture: Picture, limits: Limits) -> None:
    height, width = picture.shape[:2]
    if count * height * width > limits.total_pixels:
        what = f"{label(path)} holds more than {count - 1} frames of {width}x{height}"
        most = f"at most {limits.total_pixels // 10**6} million pixels in all"
        raise VideoError(what, most, "trim it or scale it down")


def side_by_side(source: Clip | str | Path) -> tuple[Clip, Clip]:
    """Split a two-panel clip, as the pairs of arXiv 2512.03013 are, into its halves.

    A middle odd column is dropped. Raises VideoError if a half would be narrower than 16 pixels.
    """
    clip = source if isinstance(source, Clip) else read_clip(source)
    height, width = clip.size
    half = width // 2
    return crop(clip, (0, 0, half, height)), crop(clip, (width - half, 0, width, height))


def _decode(
    path: Path, add: Callable[[Picture], None], limits: Limits
) -> tuple[Grid, float, Stream]:
    """Hand each picture to `add`; return rate and grid, the start in seconds, and the stream."""
    stream = describe(regular_file(path, CLIP), limits)
    with tempfile.TemporaryDirectory(prefix="synclora-") as folder:
        stamps = Path(folder) / "stamps"
        arguments = [
            *("-nostdin", *stream.decoder, *source_arguments(path, limits), "-map", "0:V:0"),
            *("-map_metadata", "-1", "-vf", stream.filters),
            *("-fps_mode", "passthrough", "-frames:v", str(limits.frames + 1)),
            *("-stats_enc_pre", f"file:{stamps}", "-stats_enc_pre_fmt", "{tb} {ptsi} {tbi}"),
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
                    most = f"{limits.decoded_pixels / 1e9:g} billion pixels: 24 s of full HD"
                    raise VideoError(f"{label(path)} is too large", most, "trim or scale it down")
        lines = stamps.read_text("utf-8").splitlines() if stamps.exists() else []
    times, rate = _stamps(lines)
    _check_whole(path, run, limits, shown=bool(times))
    if run.beats > limits.frames:
        what = f"{label(path)} holds more than {limits.frames} frames"
        raise VideoError(what, f"at most {limits.frames}", "trim it")
    times = times[: run.beats]
    return regular_grid(times, rate, limits.frames), max(0.0, times[0]), stream


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
    times, rate = list[float](), None
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
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 0 < width * height <= limits.frame_pixels:
        return None
    pixels = run.stdout.read(3 * width * height)
    whole = len(pixels) == 3 * width * height
    return np.frombuffer(pixels, np.uint8).reshape(height, width, 3) if whole else None


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Return the JSON object that `write_clip(..., metadata=...)` stored in a clip; else {}.

    A stranger may have written it: show it escaped. Raises VideoError if the file cannot be read.
    """
    path = regular_file(path, CLIP)
    arguments = ["-nostdin", *source_arguments(path, LIMITS), "-f", "ffmetadata", "pipe:1"]
    with run_ffmpeg(arguments, LIMITS) as run:
        text = run.stdout.read(_LONGEST).decode("utf-8", "replace")
    if run.timed_out or not text.startswith(";FFMETADATA"):
        why = f" ({run.verdict()})" if run.verdict() else ""
        raise VideoError(f"the tags of {label(path)} cannot be read{why}", CLIP)
    try:
        value = json.loads(_tags(text).get("comment", ""))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _tags(text: str) -> dict[str, str]:
    """Read the global part, up to a section such as [STREAM], of ffmpeg's metadata format."""
    found = takewhile(lambda line: line["key"], _TAG.finditer(text))
    plain = [[re.sub(r"(?s)\\(.)", r"\1", part) for part in line.groups()] for line in found]
    return {key.lower(): value for key, value in plain}
