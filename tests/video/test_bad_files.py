"""Files that cannot be used: each is told in one line that names it, and nothing hangs."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synclora_lite.video import LIMITS, VideoError, probe, read_clip, read_metadata, write_clip
from synclora_lite.video.ffmpeg import run_ffmpeg
from tests.video.clips import Convert

Make = Callable[[Path, bytes], object]


def _missing(path: Path, mp4: bytes) -> None: ...


def _folder(path: Path, mp4: bytes) -> None:
    path.mkdir()


def _pipe(path: Path, mp4: bytes) -> None:
    os.mkfifo(path)


BAD: dict[str, tuple[Make, str]] = {
    "missing": (_missing, "does not exist"),
    "a folder": (_folder, "is not a file"),
    "a pipe": (_pipe, "is not a file"),
    "empty": (lambda path, mp4: path.touch(), "is empty"),
    "text": (lambda path, mp4: path.write_text("hello\n" * 99), "video"),
    "zeros": (lambda path, mp4: path.write_bytes(bytes(9999)), "cannot be read as video"),
    "cut at the index": (
        lambda path, mp4: path.write_bytes(mp4[:200]),
        "no video stream",
    ),
    "cut in the frames": (
        lambda path, mp4: path.write_bytes(mp4[: len(mp4) * 2 // 3]),
        "damaged or cut short",
    ),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("read", [read_clip, probe])
def test_a_bad_file_is_told_in_one_line(
    tmp_path: Path, mp4: Path, kind: str, read: Callable[[Path], object]
) -> None:
    make, words = BAD[kind]
    path = tmp_path / "bad.mp4"
    make(path, mp4.read_bytes())
    with pytest.raises(VideoError, match=words) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert "bad.mp4" in message
    assert "expected" in message


def test_unprintable_names_do_not_break_the_line(tmp_path: Path) -> None:
    with pytest.raises(VideoError) as caught:
        read_clip(tmp_path / "no\nsuch\x1b[31m.mp4")
    assert str(caught.value).isprintable()


def test_sound_without_pictures_is_no_clip(mp4: Path, convert: Convert) -> None:
    tone = ("-f", "lavfi", "-i", "sine=440:d=1", "-map", "1")
    with pytest.raises(VideoError, match="holds no video stream"):
        read_clip(convert(mp4, "tone.m4a", *tone))


def test_a_picture_is_no_clip(mp4: Path, convert: Convert) -> None:
    with pytest.raises(VideoError, match="no video file"):
        read_clip(convert(mp4, "still.png", "-frames:v", "1"))


def test_a_clip_without_frames_is_refused(mp4: Path, convert: Convert) -> None:
    empty = convert(mp4, "none.mkv", "-frames:v", "0", "-c:v", "copy")
    with pytest.raises(VideoError, match=r"no frame|cannot be read"):
        read_clip(empty)


def test_too_small_a_clip_is_refused(mp4: Path, convert: Convert) -> None:
    with pytest.raises(VideoError, match="only 8x8 pixels"):
        read_clip(convert(mp4, "tiny.mkv", "-vf", "scale=8:8", "-c:v", "ffv1"))


def test_too_many_frames_or_pixels_are_refused_while_decoding(mp4: Path) -> None:
    few = replace(LIMITS, frames=10)
    with pytest.raises(VideoError, match="more than 10 frames"):
        read_clip(mp4, limits=few)
    with pytest.raises(VideoError, match="more than 10 frames"):
        probe(mp4, limits=few)
    with pytest.raises(VideoError, match="scale it down"):
        read_clip(mp4, limits=replace(LIMITS, total_pixels=30_000))
    with pytest.raises(VideoError, match="billion pixels"):
        probe(mp4, limits=replace(LIMITS, decoded_pixels=50_000))


def test_pictures_beyond_the_limit_are_refused_before_they_are_decoded(mp4: Path) -> None:
    with pytest.raises(VideoError):
        read_clip(mp4, limits=replace(LIMITS, frame_pixels=2000))


def test_a_decoder_that_makes_no_progress_is_stopped() -> None:
    endless = ("-f", "lavfi", "-i", "testsrc=size=32x32", "-f", "null", "-")
    for limits in (replace(LIMITS, stall_seconds=0.1), replace(LIMITS, seconds=0.5)):
        with run_ffmpeg(endless, limits) as run:
            assert run.stdout.read() == b""
        assert run.timed_out


def test_a_decoder_that_wants_too_much_memory_is_stopped(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "large.mp4", np.zeros((2, 1080, 1920, 3), np.uint8), 12)
    with pytest.raises(VideoError):
        read_clip(path, limits=replace(LIMITS, memory=60_000_000))


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, mp4: Path) -> None:
    if os.geteuid() == 0:  # root may read everything; the check itself is tested below
        assert os.access(mp4, os.R_OK)
        return
    mp4.chmod(0)
    with pytest.raises(VideoError, match="may not be read"):
        read_clip(mp4)


def test_tags_of_a_bad_file_are_refused_and_foreign_tags_ignored(
    tmp_path: Path, mp4: Path, convert: Convert
) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"nothing" * 100)
    with pytest.raises(VideoError, match="cannot be read"):
        read_metadata(tmp_path / "bad.mp4")
    assert read_metadata(mp4) == {}
    for number, comment in enumerate(["made by hand", "[1, 2]", "[" * 5000]):
        foreign = convert(mp4, f"{number}.mp4", "-c", "copy", "-metadata", f"comment={comment}")
        assert read_metadata(foreign) == {}
