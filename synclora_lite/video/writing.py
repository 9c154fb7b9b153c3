"""Write a clip as H.264 in mp4, the one form that every browser plays, byte for byte the same."""

import json
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from synclora_lite.errors import VideoError
from synclora_lite.files import atomic_path
from synclora_lite.video.clip import Clip, Frames, Number
from synclora_lite.video.ffmpeg import run_ffmpeg, source_arguments
from synclora_lite.video.limits import LIMITS, label, regular_file

_COLOUR = "bt709"
_LIMITS = replace(LIMITS, memory=4 * LIMITS.memory)  # our own frames, and the encoder looks ahead


def write_clip(
    path: str | Path,
    clip: Clip | Frames,
    fps: Number | None = None,
    metadata: Mapping[str, Any] | None = None,
    *,
    quality: int = 16,
) -> Path:
    """Write frames as an mp4 that starts before it is fully loaded; whole or not at all.

    H.264 with 4:2:0 colour has even sides only: an odd side gets its last row or column twice. Of a
    clip's `audio` the first sound track is taken along, cut to the clip's length. `fps` is needed
    for frames alone, `metadata` is what `read_metadata` returns, `quality` x264's constant rate
    factor: 0 is lossless, 16 looks it, 51 is worst. Raises VideoError if that cannot be done.
    """
    path = Path(path)
    if fps is not None:
        clip = replace(clip, fps=fps) if isinstance(clip, Clip) else Clip(clip, fps)
    elif not isinstance(clip, Clip):
        raise VideoError("frames without a frame rate", "fps=, or a Clip")
    if path.suffix.lower() not in (".mp4", ".mov"):
        raise VideoError(f"the output {label(path)}", "a name ending in .mp4", "rename it")
    if max(clip.size) > LIMITS.max_side:
        raise VideoError(f"frames of {clip.size[1]}x{clip.size[0]}", f"up to {LIMITS.max_side}")
    comment = json.dumps(metadata, sort_keys=True, separators=(",", ":")) if metadata else ""
    try:
        with atomic_path(path) as temporary:
            _encode(temporary, path, clip, comment, quality)
    except OSError as error:
        raise VideoError(f"{label(path)} cannot be written ({error.strerror})") from error
    return path


def _encode(output: Path, path: Path, clip: Clip, comment: str, quality: int) -> None:
    """Write `output`, which will be `path`; if ffmpeg stops reading, its log will say why."""
    with run_ffmpeg(_arguments(output, clip, comment, quality), _LIMITS) as run:
        try:
            for frame in clip.frames:
                run.stdin.write(np.ascontiguousarray(frame).data)
                run.beats += 1
        except BrokenPipeError:
            pass
    if not (run.timed_out or run.process.returncode or run.problems) and output.is_file():
        return
    problem = "out of time" if run.timed_out else run.verdict() or "ffmpeg stopped"
    expected, advice = "room on the disk", "free some space"
    if clip.audio is not None and "No space" not in problem:
        expected += f", and sound that can be decoded in {label(clip.audio)}"
        advice += ", or write the clip without its sound (audio=None)"
    raise VideoError(f"{label(path)} cannot be written ({problem})", expected, advice)


def _arguments(output: Path, clip: Clip, comment: str, quality: int) -> list[str]:
    """Return ffmpeg's arguments: one thread and bit-exact flags make the bytes repeatable."""
    height, width = clip.size
    rate = Fraction(clip.fps).limit_denominator(1001)
    filters = (
        "pad=w=ceil(iw/2)*2:h=ceil(ih/2)*2,"
        f"fillborders=right={width % 2}:bottom={height % 2}:mode=smear,"
        f"scale=out_color_matrix={_COLOUR}:out_range=tv"
        ":flags=bicubic+accurate_rnd+full_chroma_int+bitexact,format=yuv420p"
    )
    sound: list[str] = []
    if clip.audio is not None:
        source = regular_file(clip.audio, "the file whose sound belongs to the clip").absolute()
        sound = [
            *("-ss", f"{clip.start:.6f}", *source_arguments(source, _LIMITS), "-map", "1:a:0"),
            *("-c:a", "aac", "-b:a", "128k", "-ac", "2", "-t", f"{clip.duration:.6f}"),
        ]
    return [
        *("-y", "-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width}x{height}"),
        *("-framerate", f"{rate.numerator}/{rate.denominator}", "-i", "pipe:0", *sound),
        *("-map", "0:v:0", "-map_metadata", "-1", "-map_chapters", "-1", "-vf", filters),
        *("-c:v", "libx264", "-preset", "medium", "-crf", str(quality), "-threads", "1"),
        *("-g", "24", "-colorspace", _COLOUR, "-color_primaries", _COLOUR),
        *("-color_trc", _COLOUR, "-color_range", "tv", "-fps_mode", "passthrough"),
        *("-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"),
        *("-metadata", f"comment={comment}", "-movflags", "+faststart", "-f", "mp4"),
        f"file:{output}",
    ]
