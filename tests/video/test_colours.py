"""Colours as files have them: each reads like the same picture as plain SDR, or says what it is."""

from pathlib import Path

import numpy as np
import pytest

from synclora_lite.video import read_clip
from tests.video.clips import Convert

LOSSLESS = ("-c:v", "ffv1")
PLAIN = "setparams=color_primaries=bt709:color_trc=bt709,"
LINEAR = "format=yuv444p16le,zscale=t=linear:npl=203,format=gbrpf32le,"


def tagged(matrix: str, levels: str) -> str:
    """Filters to another matrix and range."""
    return (
        f"scale=out_color_matrix={matrix}:out_range={levels},format=yuv444p,"
        f"setparams=colorspace={matrix}:range={levels}"
    )


def hdr(transfer: str, pixels: str = "yuv420p10le") -> str:
    """Filters to HDR with white at 203 cd/m2."""
    return f"{LINEAR}zscale=p=bt2020:t={transfer}:m=bt2020nc:r=tv:npl=203,format={pixels}"


CASES = {
    **{
        f"{matrix} {levels}": (tagged(matrix, levels), "")
        for matrix in ("bt709", "smpte170m", "fcc", "smpte240m")
        for levels in ("tv", "pc")
    },
    "bt2020 matrix alone": (tagged("bt2020nc", "tv"), "contradict"),
    "PQ": (hdr("smpte2084"), "tone-mapped"),
    "HLG": (hdr("arib-std-b67"), "tone-mapped"),
    "HLG of odd size": ("crop=93:61:0:0:exact=1," + hdr("arib-std-b67", "yuv444p10le"), "HLG"),
    "PQ of 8 bit": (hdr("smpte2084", "yuv420p"), "contradict"),
    "bt2020": ("zscale=p=bt2020:t=2020_10:m=bt2020nc,format=yuv420p10le", "bt2020 primaries"),
    "P3": ("zscale=p=smpte432,format=yuv420p10le", "smpte432"),
    "gamma 2.8": ("zscale=t=bt470bg,format=yuv444p10le", "bt470bg transfer"),
    "linear": (f"{LINEAR}zscale=m=bt709:r=tv,format=yuv444p16le", "linear transfer"),
    "no tags": (
        "scale=out_color_matrix=smpte170m,setparams=colorspace=unknown"
        ":color_primaries=unknown:color_trc=unknown",
        "does not say",
    ),
    "4:2:2": ("format=yuv422p10le", ""),
    "4:4:4": ("format=yuv444p12le", ""),
    "RGB": ("format=bgr0", ""),
}


@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_colours_reads_like_plain_ones(
    mp4: Path, convert: Convert, case: str
) -> None:
    filters, words = CASES[case]
    clip = read_clip(convert(mp4, "case.mkv", "-vf", PLAIN + filters, *LOSSLESS))
    height, width = clip.size
    plain = read_clip(mp4).frames[:, :height, :width]
    assert np.abs(clip.frames.astype(int) - plain).mean() < 3
    assert bool(clip.notes) == bool(words)
    assert words in "".join(clip.notes)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mov", ("-c:v", "prores_ks", "-pix_fmt", "yuva444p10le")),
        ("a.webm", ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-crf", "9", "-b:v", "0")),
    ],
)
def test_what_is_transparent_lies_over_white(
    mp4: Path, convert: Convert, name: str, options: tuple[str, ...]
) -> None:
    half = "format=yuva444p,geq=lum='p(X,Y)':cb='p(X,Y)':cr='p(X,Y)':a='if(lt(X,48),0,255)'"
    clip, plain = read_clip(convert(mp4, name, "-vf", half, *options)), read_clip(mp4)
    assert clip.frames[:, :, :40].min() > 250
    right = clip.frames[:, :, 56:].astype(int) - plain.frames[:, :, 56:]
    assert np.abs(right).mean() < 4
    assert "white" in clip.notes[-1]


def test_fields_become_whole_pictures(mp4: Path, convert: Convert) -> None:
    flags = ("-c:v", "libx264", "-crf", "4", "-flags", "+ilme+ildct", "-x264-params", "tff=1")
    woven = convert(mp4, "woven.mp4", "-vf", "interlace=scan=tff:lowpass=off,setfield=tff", *flags)
    clip, truth = read_clip(woven), read_clip(mp4).frames[::2].astype(int)
    raw = truth.copy()
    raw[:, 1::2] = read_clip(mp4).frames[1::2, 1::2]
    assert len(clip) == len(truth)
    assert np.abs(clip.frames - truth).mean() < np.abs(raw - truth).mean()
    assert "deinterlaced" in clip.notes[0]
