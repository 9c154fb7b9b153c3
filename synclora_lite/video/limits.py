"""What a file may ask for before it is refused, and the checks made before it is opened."""

import os
from dataclasses import dataclass
from pathlib import Path

from synclora_lite.errors import VideoError

CLIP = "an mp4, mov, webm or gif clip"  # what is expected where a video is read


@dataclass(frozen=True)
class Limits:
    """Bounds on the decoding of a file nobody vouches for; for 81 frames at full HD."""

    frames: int = 3000  # frames in one clip
    min_side: int = 16  # pixels; smaller pictures are icons or accidents
    max_side: int = 8192  # pixels
    frame_pixels: int = 50_000_000  # pixels in one picture, before it is cropped
    total_pixels: int = 270_000_000  # pixels kept, over all frames
    decoded_pixels: int = 1_500_000_000  # pixels looked at, over all frames: 24 s of full HD
    streams: int = 100  # tracks in one file
    stall_seconds: float = 15.0  # of processor time without a new frame
    seconds: float = 600.0  # altogether, on the clock
    memory: int = 1_000_000_000  # bytes that the process of the decoder may use


LIMITS = Limits()


def label(path: str | Path) -> str:
    """Return a path as it may stand in a one-line message: short, and with nothing unprintable."""
    text = os.fspath(path)
    text = text if len(text) <= 160 else f"...{text[-157:]}"
    return text if text.isprintable() else ascii(text)


def regular_file(path: str | Path, expected: str) -> Path:
    """Return `path` if it is a file, or a link to one, with something in it; else VideoError."""
    path = Path(path)
    if "\0" in str(path) or not path.exists():
        wrong, advice = "does not exist", "check the path"
    elif not path.is_file():
        wrong, advice = "is not a file", "check the path"
    elif not os.access(path, os.R_OK):
        wrong, advice = "may not be read", "change its permissions"
    elif path.stat().st_size == 0:
        wrong, advice = "is empty", "export or copy it again"
    else:
        return path
    raise VideoError(f"{label(path)} {wrong}", expected, advice)


def check_size(path: Path, height: int, width: int, limits: Limits) -> None:
    """Raise VideoError if a picture is too small or too large to be of use."""
    size, most = f"{width}x{height} pixels", limits.max_side
    if min(height, width) < limits.min_side:
        least = f"at least {limits.min_side}x{limits.min_side}"
        raise VideoError(f"{label(path)} is only {size}", least, "use a larger one")
    if max(height, width) > most or height * width > limits.frame_pixels:
        expected = f"sides up to {most} and {limits.frame_pixels // 10**6} million pixels"
        raise VideoError(f"{label(path)} is {size}", expected, "scale it down")
