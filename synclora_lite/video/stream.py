"""What a file says about its pictures, and the ffmpeg filters that make plain RGB of them.

Plain means 8 bit, full range, in the primaries and transfer of bt709, square pixels, no fields, no
transparency. Of HDR (PQ of SMPTE ST 2084, HLG of ARIB STD-B67), diffuse white at 203 cd/m2 (ITU-R
BT.2408) becomes white, what is darker keeps its place, and highlights up to five times as bright
are bent below it. sRGB and bt709 transfer are shown alike, as players do.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from synclora_lite.video.ffmpeg import run_ffmpeg, source_arguments
from synclora_lite.video.limits import Limits

HDR = {"smpte2084": "PQ", "arib-std-b67": "HLG"}
HD = 1280 * 720  # pixels from which untagged pictures are bt709, and bt601 below
# What swscale knows or may ignore; zimg converts the rest.
_MATRICES = ("bt709", "fcc", "bt470bg", "smpte170m", "smpte240m", "bt2020nc", "gbr", "unknown")
_PRIMARIES = ("bt709", "bt470bg", "smpte170m", "smpte240m", "ebu3213", "unknown")
_TRANSFERS = ("bt709", "smpte170m", "smpte240m", "iec61966-2-1", "iec61966-2-4", "bt1361e",
              "bt2020-10", "bt2020-12", "unknown")  # fmt: skip
_FLAGS = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
_SQUARE = f"scale=w='if(between(sar,0.25,4),max(1,round(iw*sar)),iw)':h=ih:{_FLAGS}"
_TONE = ("format=gbrpf32le", "zscale=p=bt709", "tonemap=mobius:param=0.9:peak=5:desat=0",
         "zscale=t=bt709:m=gbr:r=full")  # fmt: skip
_OVER_WHITE = (
    "format=rgba,split[a][b];[a]drawbox=c=white:t=fill:replace=1[w];[w][b]overlay=format=gbrp"
)
_VIDEO = re.compile(
    r"(?m)^\[info\] +Stream #0:\d+[^:\n]*: Video: (?P<codec>\w+)(?!.*\(attached pic\)).*?, "
    r"(?P<pixels>[a-z]\w+)(?:\((?P<tags>[^()]*)\))?, (?P<width>\d+)x(?P<height>\d+)"
)


@dataclass(frozen=True)
class Stream:
    """The first video stream of a file, in ffmpeg's words."""

    codec: str = "unknown"  # for example "h264"
    pixels: str = "yuv420p"  # the pixel format
    size: int = 0  # width times height
    tags: tuple[str, str, str] = ("unknown", "unknown", "unknown")  # matrix, primaries, transfer
    full: bool = False  # whether levels use the full range
    fields: str = ""  # the order of the fields if the pictures are interlaced
    alpha: bool = False  # whether there is transparency
    rotation: int = 0  # degrees counter-clockwise by which the file asks to be turned
    has_audio: bool = False

    @property
    def decoder(self) -> list[str]:
        """Arguments that choose a decoder: ffmpeg's own for VP8 and VP9 know no transparency."""
        library = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(self.codec)
        return ["-c:v", library] if self.alpha and library else []

    @property
    def filters(self) -> str:
        """The filters between the decoder and 8-bit RGB."""
        matrix, primaries, transfer = self._known
        chain = ["bwdif=mode=send_frame:deint=interlaced"] if self.fields else []
        plain = matrix in _MATRICES and primaries in _PRIMARIES and transfer in _TRANSFERS
        if plain:
            chain += [_SQUARE + (f":in_color_matrix={matrix}" if self._yuv else "")]
        else:
            # zimg takes no odd sizes with fewer colours than pixels
            deep = "yuv444p16le" if self._yuv else "gbrp16le"
            given = f"min={matrix}:pin={primaries}:tin={transfer}:rin={'pc' if self.full else 'tv'}"
            to = "t=linear:npl=203" if transfer in HDR else "p=bt709:t=bt709:m=gbr:r=full"
            chain += [f"scale={_FLAGS}", f"format={deep}", f"zscale={given}:{to}"]
            chain += [*(_TONE if transfer in HDR else ()), "format=gbrp", _SQUARE]
        white = [_OVER_WHITE] if self.alpha else []
        return ",".join([*chain, "setsar=1", *white, "format=rgb24"])

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the pictures that a viewer should know, a sentence each."""
        matrix, primaries, transfer = self.tags
        known, notes = self._known, []
        wide = [tag.startswith(("bt2020", "ictcp")) for tag in (matrix, primaries)]
        named = "unknown" not in (matrix, primaries) and self._yuv
        deep = re.search(r"1[0-6]|f32", self.pixels)
        if (named and wide[0] != wide[1]) or (transfer in HDR and not (any(wide) and deep)):
            what = f"matrix {matrix}, primaries {primaries}, transfer {transfer}, {self.pixels}"
            notes += [f"the colour tags contradict each other ({what}): read as they say"]
        elif transfer in HDR:
            notes += [f"HDR ({HDR[transfer]}) was tone-mapped: white is 203 cd/m2"]
        elif known[2] not in _TRANSFERS or known[1] not in _PRIMARIES:
            given = f"{known[1]} primaries, {known[2]} transfer"
            notes += [f"colours ({given}) were converted to bt709"]
        elif self._yuv and (matrix == "unknown" or (wide[0] and primaries == "unknown")):
            what = known[0] if matrix == "unknown" else f"{known[1]} primaries"
            notes += [f"the file does not say how its colours are coded: {what} was assumed"]
        if self.fields:
            notes += [f"interlaced pictures ({self.fields}) were deinterlaced"]
        if self.alpha and self.codec != "gif":  # of which ffmpeg says so always
            notes += ["transparent parts were laid over white"]
        return tuple(notes)

    @property
    def _yuv(self) -> bool:
        return self.pixels.startswith(("yuv", "nv", "p0", "p2", "p4", "uyv", "yvy"))

    @property
    def _known(self) -> tuple[str, str, str]:
        """The tags with what is missing filled in."""
        matrix, primaries, transfer = self.tags
        wide = transfer in HDR or transfer.startswith("bt2020")
        if not self._yuv:
            matrix = "gbr"
        elif matrix == "unknown":
            small = "bt709" if self.size >= HD else "smpte170m"
            matrix = "bt2020nc" if wide or primaries == "bt2020" else small
        if primaries == "unknown":
            primaries = "bt2020" if wide else "bt709"
        return matrix, primaries, "bt709" if transfer == "unknown" else transfer


def describe(path: Path, limits: Limits) -> Stream:
    """Ask ffmpeg what a file holds, without decoding it; of a broken file little is known."""
    with run_ffmpeg(["-nostdin", *source_arguments(path, limits)], limits) as run:
        run.stdout.read()
    text = "\n".join(run.lines)
    if (found := _VIDEO.search(text)) is None:
        return Stream()
    tags, fields, ranged = ("unknown",) * 3, "", found["pixels"].startswith("yuvj")
    for word in (found["tags"] or "").split(", "):
        if "/" in word:
            first, second, third = (word.split("/") + ["unknown"] * 2)[:3]
            tags = (first, second, third)
        elif word in (*_MATRICES, "bt2020", "linear"):
            tags = (word, word, word)
        elif "first" in word:
            fields = word
        ranged |= word == "pc"
    turned = re.search(r"(?m)^\[info\] +Display Matrix: rotation of (-?[\d.]+) degrees", text)
    after = text[found.end() :].partition("Stream #")[0]
    alpha = re.match(r"yuva|gbrap|rgba|bgra|argb|abgr|ya\d", found["pixels"])
    tagged = re.search(r"(?mi)^\[info\] +alpha_mode +: 1$", after)
    return Stream(
        *(found["codec"], found["pixels"], int(found["width"]) * int(found["height"]), tags),
        *(ranged, fields, bool(alpha or tagged)),
        rotation=round(float(turned[1])) % 360 if turned else 0,
        has_audio=re.search(r"(?m)^\[info\] +Stream #0:\d+\S*: Audio: ", text) is not None,
    )
