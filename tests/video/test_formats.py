"""Clips as people have them: other containers, turned phones, uneven frame rates, odd names."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synclora_lite.video import Clip, probe, read_clip, side_by_side, write_clip
from tests.video.clips import Convert, moving_clip


def close(a: np.ndarray, b: np.ndarray, tolerance: float = 6.0) -> bool:
    """Whether two clips look the same."""
    return a.shape == b.shape and float(np.abs(a.astype(int) - b).mean()) < tolerance


@pytest.mark.parametrize(
    ("name", "options", "codec"),
    [
        ("clip.mov", ("-c", "copy"), "h264"),
        ("clip.mkv", ("-c", "copy"), "h264"),
        ("clip.webm", ("-c:v", "libvpx-vp9", "-crf", "20", "-b:v", "0"), "vp9"),
        ("vp8.webm", ("-c:v", "libvpx", "-auto-alt-ref", "1", "-b:v", "900k"), "vp8"),
        ("clip.gif", ("-vf", "split[a][b];[a]palettegen[p];[b][p]paletteuse"), "gif"),
        ("deep.mov", ("-c:v", "prores_ks", "-pix_fmt", "yuva444p10le"), "prores"),
    ],
)
def test_every_common_format_gives_the_same_frames(
    mp4: Path, convert: Convert, name: str, options: tuple[str, ...], codec: str
) -> None:
    path = convert(mp4, name, *options)
    clip, expected, info = read_clip(path), read_clip(mp4), probe(path)
    assert close(clip.frames, expected.frames)
    assert clip.fps == pytest.approx(expected.fps, rel=0.002)
    assert info.codec == codec


def test_a_turned_phone_gives_upright_frames(mp4: Path, convert: Convert) -> None:
    turned = convert(mp4, "turned.mp4", "-c", "copy", before=("-display_rotation", "90"))
    assert probe(turned).rotation == 90
    expected = np.rot90(read_clip(mp4).frames, axes=(1, 2))
    assert close(read_clip(turned).frames, expected, 1.0)


def test_wide_pixels_are_made_square(mp4: Path, convert: Convert) -> None:
    wide = convert(mp4, "wide.mp4", "-vf", "setsar=2")
    assert (probe(wide).width, probe(wide).height) == (192, 64)
    assert read_clip(wide).size == (64, 192)


def test_odd_sides_are_read_as_they_are(mp4: Path, convert: Convert) -> None:
    odd = convert(mp4, "odd.mkv", "-vf", "crop=93:61:0:0:exact=1", "-c:v", "ffv1")
    assert read_clip(odd).size == (61, 93)


def test_a_variable_rate_becomes_a_constant_one_with_each_moment_in_place(
    mp4: Path, convert: Convert
) -> None:
    sparse = "select='lt(n,4)+eq(n,9)+gt(n,13)'"
    path = convert(mp4, "uneven.mkv", "-vf", sparse, "-fps_mode", "vfr", "-c:v", "ffv1")
    clip, full = read_clip(path), read_clip(mp4)
    assert clip.fps == pytest.approx(12, rel=0.01)
    shown = [*range(4), 3, 3, 3, 3, 3, 9, 9, 9, 9, 9, 14, 15, 16, 17]
    assert close(clip.frames, full.frames[shown], 1.0)


def test_sizes_that_change_midway_are_brought_to_the_first(mp4: Path, convert: Convert) -> None:
    first = convert(mp4, "first.ts", "-c:v", "mpeg2video", "-r", "25", "-q:v", "2")
    second = convert(mp4, "second.ts", "-vf", "scale=48:32", "-c:v", "mpeg2video", "-r", "25")
    joined = first.with_name("joined.ts")
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    assert read_clip(joined).size == (64, 96)


def test_sound_is_kept_and_stays_in_place(mp4: Path, convert: Convert, tmp_path: Path) -> None:
    spoken = convert(
        mp4, "spoken.mp4", "-f", "lavfi", "-i", "sine=440:d=1.5", "-c:v", "copy", "-shortest"
    )
    clip = read_clip(spoken)
    assert clip.audio == spoken
    again = write_clip(tmp_path / "again.mp4", replace(clip, frames=255 - clip.frames))
    assert probe(again).has_audio
    part = write_clip(tmp_path / "part.mp4", replace(clip, frames=clip.frames[6:12], start=0.5))
    assert (probe(part).frames, probe(part).has_audio) == (6, True)
    assert not probe(write_clip(tmp_path / "mute.mp4", replace(clip, audio=None))).has_audio


def test_a_clip_may_be_written_over_the_file_its_sound_comes_from(
    mp4: Path, convert: Convert
) -> None:
    spoken = convert(mp4, "spoken.mp4", "-f", "lavfi", "-i", "sine=440:d=1.5", "-c:v", "copy")
    whole = read_clip(spoken)
    write_clip(spoken, replace(whole, frames=whole.frames[:9]))
    assert (probe(spoken).frames, probe(spoken).has_audio) == (9, True)


@pytest.mark.parametrize(
    "name",
    [
        "-i.mp4",
        "a b.mp4",
        "quote'\".mp4",
        "new\nline.mp4",
        "färbung 図.mp4",
        "%d.mp4",
        "concat:a|b.mp4",
        "x;touch y.mp4",
        "$(touch y).mp4",
    ],
)
def test_no_file_name_means_anything_but_itself(
    tmp_path: Path, clip: Clip, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_clip(Path(name), clip, metadata={"name": name})
    assert len(read_clip(Path(name))) == len(clip)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_play_list_cannot_reach_other_files(mp4: Path, tmp_path: Path) -> None:
    from synclora_lite.video import VideoError

    lists: dict[str, str] = {
        "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.5,\n{mp4}\n#EXT-X-ENDLIST\n",
        "list.ffconcat": f"ffconcat version 1.0\nfile '{mp4}'\n",
        "list.mp4": f"ffconcat version 1.0\nfile '{mp4}'\n",
        "note.txt": "plain words\n" * 200,
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(VideoError):
            read_clip(tmp_path / name)


@pytest.mark.parametrize("width", [96, 97])
def test_a_two_panel_clip_splits_into_its_halves(width: int) -> None:
    clip = moving_clip(3, 40, width)
    left, right = side_by_side(clip)
    assert left.size == right.size == (40, 48)
    assert np.array_equal(left.frames, clip.frames[:, :, :48])
    assert np.array_equal(right.frames, clip.frames[:, :, width - 48 :])


def test_a_two_panel_file_splits_too(mp4: Path) -> None:
    halves: Callable[[Path], tuple[Clip, Clip]] = side_by_side
    assert [half.size for half in halves(mp4)] == [(64, 48), (64, 48)]
