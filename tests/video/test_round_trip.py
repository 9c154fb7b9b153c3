"""What is written is what is read, in every respect that matters, and always the same bytes."""

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synclora_lite.files import sha256
from synclora_lite.video import Clip, VideoError, probe, read_clip, write_clip
from tests.video.clips import moving_clip

RATES = [Fraction(12), Fraction(20), Fraction(25), Fraction(30000, 1001), Fraction(1887, 128)]


@settings(max_examples=12)
@given(
    frames=st.integers(1, 20),
    height=st.integers(16, 90),
    width=st.integers(16, 90),
    fps=st.sampled_from(RATES) | st.fractions(1, 120, max_denominator=100),
)
def test_count_rate_and_size_survive_a_round_trip(
    tmp_path_factory: pytest.TempPathFactory, frames: int, height: int, width: int, fps: Fraction
) -> None:
    path = tmp_path_factory.mktemp("round") / "clip.mp4"
    clip = moving_clip(frames, height, width, float(fps))
    again = read_clip(write_clip(path, clip))
    assert len(again) == frames
    assert again.fps == pytest.approx(clip.fps, rel=2e-3)
    assert again.size == (height + height % 2, width + width % 2)
    difference = np.abs(again.frames[:, :height, :width].astype(int) - clip.frames)
    assert difference.mean() < 4


def test_probe_tells_what_reading_returns(mp4: Path) -> None:
    info, clip = probe(mp4), read_clip(mp4)
    assert (info.frames, info.height, info.width) == clip.frames.shape[:3]
    assert (info.fps, info.duration) == (clip.fps, clip.duration)
    assert (info.codec, info.rotation, info.has_audio) == ("h264", 0, False)


def test_the_same_clip_gives_the_same_bytes(tmp_path: Path, clip: Clip) -> None:
    first = write_clip(tmp_path / "a.mp4", clip, metadata={"seed": 1, "method": "copy"})
    second = write_clip(tmp_path / "b.mp4", clip, metadata={"method": "copy", "seed": 1})
    assert sha256(first) == sha256(second)


@pytest.mark.parametrize("size", [(280, 280), (280, 560)])
def test_so_does_one_large_enough_for_wide_instructions(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    clip = moving_clip(17, *size)
    assert len({sha256(write_clip(tmp_path / f"{k}.mp4", clip)) for k in range(4)}) == 1


def test_a_small_clip_weighs_tens_of_kilobytes(tmp_path: Path) -> None:
    size = write_clip(tmp_path / "c.mp4", moving_clip(17, 128, 128)).stat().st_size
    assert 1_000 < size < 60_000


def test_the_index_comes_first_so_that_a_browser_can_start(mp4: Path) -> None:
    content = mp4.read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")
    assert b"avc1" in content


def test_flat_colours_keep_their_value(tmp_path: Path) -> None:
    for colour in [(255, 0, 0), (0, 255, 0), (0, 0, 255), (224, 172, 105), (12, 12, 12)]:
        frames = np.full((3, 32, 32, 3), colour, np.uint8)
        again = read_clip(write_clip(tmp_path / "flat.mp4", frames, 12)).frames
        assert np.abs(again.astype(int) - frames).max() <= 3


def test_frames_alone_need_a_rate(tmp_path: Path, clip: Clip) -> None:
    with pytest.raises(VideoError, match="frame rate"):
        write_clip(tmp_path / "x.mp4", clip.frames)
    assert read_clip(write_clip(tmp_path / "x.mp4", clip.frames, 20)).fps == 20


def test_an_explicit_rate_wins_over_the_clips(tmp_path: Path, clip: Clip) -> None:
    assert read_clip(write_clip(tmp_path / "x.mp4", clip, 24)).fps == 24


@pytest.mark.parametrize("name", ["clip.gif", "clip", "clip.png"])
def test_other_names_than_mp4_are_refused(tmp_path: Path, clip: Clip, name: str) -> None:
    with pytest.raises(VideoError, match=r"a name ending in \.mp4"):
        write_clip(tmp_path / name, clip)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, clip: Clip) -> None:
    path = write_clip(tmp_path / "clip.mp4", clip)
    before = sha256(path)
    (tmp_path / "sound.mp3").write_bytes(b"not a sound at all" * 50)
    broken = Clip(clip.frames, clip.fps, audio=tmp_path / "sound.mp3")
    with pytest.raises(VideoError, match="cannot be written"):
        write_clip(path, broken)
    assert sha256(path) == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["clip.mp4", "sound.mp3"]


def test_a_source_of_sound_that_has_gone_is_told(tmp_path: Path, clip: Clip) -> None:
    gone = Clip(clip.frames, clip.fps, audio=tmp_path / "gone.mp4")
    with pytest.raises(VideoError, match=r"gone\.mp4 does not exist"):
        write_clip(tmp_path / "out.mp4", gone)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_leaves_what_was_there(tmp_path: Path, clip: Clip) -> None:
    """The largest file that may be written stands in for the room that is left."""
    path = write_clip(tmp_path / "clip.mp4", clip)
    before = sha256(path)
    code = (
        "import resource, sys, numpy\n"
        "from synclora_lite.video import VideoError, write_clip, write_image\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n"
        "noise = numpy.random.default_rng(0).integers(0, 255, (9, 96, 96, 3), numpy.uint8)\n"
        "for write, name, what in ((write_clip, 'clip.mp4', (noise, 12)),"
        " (write_clip, 'new.mp4', (noise, 12)), (write_image, 'new.png', (noise[0],))):\n"
        "    try: write(name, *what)\n"
        "    except VideoError as error: print(error)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.count("cannot be written") == len(done.stdout.splitlines()) == 3
    assert sha256(path) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path, clip: Clip) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(VideoError, match="cannot be written") as caught:
        write_clip(tmp_path / "file" / "clip.mp4", clip)
    assert "\n" not in str(caught.value)
