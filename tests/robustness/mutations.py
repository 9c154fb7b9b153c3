"""Good clips and pictures, and a hundred ways to spoil them, all from one seed.

Each mutation takes the bytes of a good file and returns bytes that may be anything. Those that
know a format (a picture of 65,535 pixels a side in a header, a track repeated two thousand times)
find their place by the format's own marks and leave other formats alone.
"""

import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from synclora_lite.video import write_clip, write_image
from tests.video.clips import moving_clip

Mutation = Callable[[bytes, np.random.Generator], bytes]

VIDEOS: dict[str, tuple[str, ...]] = {
    "copy.mov": ("-c", "copy"),
    "vp9.webm": ("-c:v", "libvpx-vp9", "-crf", "30", "-b:v", "0", "-cpu-used", "5"),
    "vp8.webm": ("-c:v", "libvpx", "-b:v", "500k"),
    "colours.gif": (),
    "old.avi": (
        "-c:v",
        "mpeg4",
    ),
    "stream.ts": ("-c:v", "mpeg2video", "-r", "25"),
    "hevc.mp4": ("-c:v", "libx265", "-x265-params", "log-level=none", "-tag:v", "hvc1"),
    "grey.mkv": ("-c:v", "ffv1", "-pix_fmt", "gray16le"),
    "float.mkv": ("-c:v", "ffv1", "-pix_fmt", "gbrpf32le", "-strict", "-2"),
    "deep.mov": ("-c:v", "prores_ks", "-pix_fmt", "yuva444p10le"),
    "palette.avi": ("-c:v", "rawvideo", "-pix_fmt", "pal8"),
    "thin.mkv": ("-c:v", "ffv1", "-pix_fmt", "yuv410p"),
    "wide.mp4": ("-vf", "setsar=4000/7", "-c:v", "libx264"),
}
PICTURES = ("plain.png", "plain.jpg", "plain.webp", "plain.bmp", "deep.png", "clear.png", "few.png")


@dataclass(frozen=True)
class Case:
    """One spoiled file: a name for the table, a suffix, and what is in it."""

    kind: str
    name: str
    content: bytes

    @property
    def is_picture(self) -> bool:
        """Whether a picture was spoiled, rather than a clip."""
        return Path(self.name).suffix in {".png", ".jpg", ".webp", ".bmp"}


def seeds(folder: Path) -> dict[str, bytes]:
    """Make the good files: every container and pixel format that people send."""
    from PIL import Image

    clip = moving_clip(12, 64, 96)
    mp4 = write_clip(folder / "base.mp4", clip, metadata={"seed": 1})
    for name, options in VIDEOS.items():
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-threads", "1"]
        command += ["-i", str(mp4), "-threads", "1", *options, str(folder / name)]
        subprocess.run(command, check=True, timeout=120, stdin=subprocess.DEVNULL)
    picture = Image.fromarray(clip.frames[0])
    write_image(folder / "plain.png", clip.frames[0])
    for name in ("plain.jpg", "plain.webp", "plain.bmp"):
        picture.save(folder / name)
    Image.fromarray(clip.frames[0, ..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    picture.convert("RGBA").save(folder / "clear.png")
    picture.convert("P").save(folder / "few.png")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def cases(good: dict[str, bytes], count: int, seed: int) -> Iterator[Case]:
    """Yield `count` spoiled files: each mutation in turn, on a file drawn at random."""
    generator = np.random.default_rng(seed)
    names, kinds = sorted(good), list(MUTATIONS)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        name = names[generator.integers(len(names))]
        content = MUTATIONS[kind](good[name], generator)
        if kind == "another suffix":
            name = Path(name).stem + Path(names[generator.integers(len(names))]).suffix
        yield Case(kind, f"{number:05d}-{name}", content)


def _cut(data: bytes, generator: np.random.Generator) -> bytes:
    return data[: generator.integers(0, len(data))]


def _bits(data: bytes, generator: np.random.Generator) -> bytes:
    return _flip(data, generator, len(data), int(2 ** generator.uniform(0, 8)))


def _header_bits(data: bytes, generator: np.random.Generator) -> bytes:
    return _flip(data, generator, min(len(data), 1500), int(2 ** generator.uniform(0, 5)))


def _flip(data: bytes, generator: np.random.Generator, reach: int, count: int) -> bytes:
    spoiled = np.frombuffer(data, np.uint8).copy()
    places = generator.integers(0, reach, count)
    np.bitwise_xor.at(spoiled, places, (1 << generator.integers(0, 8, count)).astype(np.uint8))
    return spoiled.tobytes()


def _block(data: bytes, generator: np.random.Generator) -> tuple[int, int]:
    start, end = sorted(generator.integers(0, len(data) + 1, 2))
    return int(start), int(min(end, start + 4096))


def _zeros(data: bytes, generator: np.random.Generator) -> bytes:
    start, end = _block(data, generator)
    return data[:start] + bytes(end - start) + data[end:]


def _noise(data: bytes, generator: np.random.Generator) -> bytes:
    start, end = _block(data, generator)
    return data[:start] + generator.bytes(end - start) + data[end:]


def _removed(data: bytes, generator: np.random.Generator) -> bytes:
    start, end = _block(data, generator)
    return data[:start] + data[end:]


def _repeated(data: bytes, generator: np.random.Generator) -> bytes:
    start, end = _block(data, generator)
    return data[:end] + data[start:end] * int(generator.integers(1, 40)) + data[end:]


def _whole(data: bytes, generator: np.random.Generator) -> bytes:
    return data


def _huge(data: bytes, generator: np.random.Generator) -> bytes:
    """Promise a picture of up to 65,535 (PNG: 2 billion) pixels a side."""
    side = int(generator.choice([4097, 16384, 40000, 65535]))
    if data.startswith(b"\x89PNG"):
        header = struct.pack(">II", side * 7, side) + data[24:29]
        check = struct.pack(">I", zlib.crc32(b"IHDR" + header))
        return data[:16] + header + check + data[33:]
    if data.startswith(b"GIF8"):
        return data[:6] + struct.pack("<HH", side, side) + data[10:]
    if data.startswith(b"BM"):
        return data[:18] + struct.pack("<ii", side, side) + data[26:]
    for mark in (b"\xff\xc0", b"\xff\xc2"):  # start of frame, JPEG
        place = data.find(mark)
        if data.startswith(b"\xff\xd8") and place > 0:
            return data[: place + 5] + struct.pack(">HH", side, side) + data[place + 9 :]
    return _entry(data, side)


def _entry(data: bytes, side: int) -> bytes:
    """Write `side` into the sample entries and track headers of mp4 and mov."""
    spoiled = bytearray(data)
    for mark in (b"avc1", b"hvc1", b"ap4h", b"vp09"):
        place = data.find(mark, data.find(b"stsd"))
        if place > 0:
            spoiled[place + 28 : place + 32] = struct.pack(">HH", side, side)
    place = data.find(b"tkhd")
    if place > 0:
        spoiled[place + 80 : place + 88] = struct.pack(">II", side << 16, side << 16)
    return bytes(spoiled)


def _times(data: bytes, generator: np.random.Generator) -> bytes:
    """Set durations, time scales and time steps to nothing, or to more than there is."""
    spoiled, value = bytearray(data), int(generator.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF]))
    for mark, offset in ((b"mvhd", 16), (b"mdhd", 16), (b"mdhd", 20), (b"stts", 16), (b"ctts", 16)):
        place = data.find(mark)
        if place > 0 and generator.random() < 0.6:
            spoiled[place + offset : place + offset + 4] = struct.pack(">I", value)
    if data.startswith(b"GIF8"):
        spoiled = bytearray(data.replace(b"\x21\xf9\x04", b"\x21\xf9\x04\x00\xff\xff"))
    return bytes(spoiled)


def _counts(data: bytes, generator: np.random.Generator) -> bytes:
    """Claim billions of entries in the tables of mp4 and mov."""
    spoiled = bytearray(data)
    for mark in (b"stsz", b"stco", b"stsc", b"stts", b"stss", b"stsd", b"elst"):
        place = data.find(mark)
        if place > 0 and generator.random() < 0.5:
            at = place + (12 if mark == b"stsz" else 8)
            spoiled[at : at + 4] = struct.pack(">I", int(generator.integers(1 << 16, 1 << 32)))
    return bytes(spoiled)


def _tracks(data: bytes, generator: np.random.Generator) -> bytes:
    """Repeat the track of an mp4 thousands of times."""
    place = data.find(b"trak") - 4
    moov = data.find(b"moov") - 4
    if place < 0 or moov < 0:
        return _repeated(data, generator)
    (length,) = struct.unpack(">I", data[place : place + 4])
    extra = data[place : place + length] * int(generator.integers(90, 3000))
    (whole,) = struct.unpack(">I", data[moov : moov + 4])
    head = data[:moov] + struct.pack(">I", whole + len(extra)) + data[moov + 4 : place]
    return head + extra + data[place:]


MUTATIONS: dict[str, Mutation] = {
    "cut off": _cut,
    "flipped bits": _bits,
    "flipped bits in the header": _header_bits,
    "a block of zeros": _zeros,
    "a block of noise": _noise,
    "a block removed": _removed,
    "a block repeated": _repeated,
    "another suffix": _whole,
    "huge dimensions": _huge,
    "times of zero or for ever": _times,
    "tables without end": _counts,
    "thousands of tracks": _tracks,
}
