"""Small clips, and ffmpeg for the formats that the package reads but never writes."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from synclora_lite.video import Clip, write_clip
from tests.video.clips import Convert, moving_clip


@pytest.fixture
def clip() -> Clip:
    """A clip of 18 frames at 12 frames a second."""
    return moving_clip()


@pytest.fixture
def mp4(tmp_path: Path, clip: Clip) -> Path:
    """The clip as a file."""
    return write_clip(tmp_path / "clip.mp4", clip)


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    """Return a function that runs ffmpeg: convert(source, name, *output options, before=())."""

    def run(source: Path, name: str, *options: str, before: tuple[str, ...] = ()) -> Path:
        target = tmp_path / name
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *before]
        command += ["-i", f"file:{source}", *options, f"file:{target}"]
        subprocess.run(command, check=True, timeout=60, stdin=subprocess.DEVNULL)
        return target

    return run


@pytest.fixture(scope="module")
def clip_of_two() -> Clip:
    """The shortest clip worth writing."""
    return moving_clip(2, 16, 16)
