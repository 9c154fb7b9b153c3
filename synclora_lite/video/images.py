"""Read and write still pictures: PNG, JPEG, WebP and BMP as 8-bit RGB."""

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from synclora_lite.errors import VideoError
from synclora_lite.files import atomic_path
from synclora_lite.video.limits import LIMITS, check_size, label, regular_file

EXPECTED = "a PNG, JPEG, WebP or BMP picture"
_LARGEST_FILE = 200_000_000  # bytes
# What Pillow raises on files that are broken in one way or another.
_BROKEN = (
    *(OSError, ValueError, SyntaxError, EOFError, TypeError, IndexError, KeyError),
    *(OverflowError, struct.error, zlib.error),
)


def read_image(path: str | Path, *, convert: bool = True) -> UInt8[np.ndarray, "height width 3"]:
    """Read a picture (of an animation the first) as 8-bit RGB, turned upright as its tag asks.

    With `convert` grey is repeated, 16 bit keeps its upper 8, transparency is laid over white;
    without, such a picture is a VideoError, as is one missing, damaged, too small or too large.
    """
    path = regular_file(path, EXPECTED)
    if path.stat().st_size > _LARGEST_FILE:
        raise VideoError(f"{label(path)} has {path.stat().st_size // 10**6} MB", "under 200 MB")
    data = path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about tags that we do not use
            with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP", "BMP")) as image:
                check_size(path, image.height, image.width, LIMITS)
                kind = _kind(image, data)
                if kind and not convert:
                    advice = "convert it, or pass convert=True"
                    raise VideoError(f"{label(path)} is {kind}", "8-bit RGB", advice)
                return _to_rgb(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError as error:
        most = f"at most {LIMITS.frame_pixels // 10**6} million pixels"
        raise VideoError(f"{label(path)} is far too large", most, "scale it down") from error
    except _BROKEN as error:
        what = f"{label(path)} cannot be read as a picture"
        raise VideoError(what, EXPECTED, "export it again") from error


def write_image(path: str | Path, picture: UInt8[np.ndarray, "height width 3"]) -> Path:
    """Write an RGB picture as PNG or JPEG, by the suffix; VideoError unless it is whole."""
    path = Path(path)
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise VideoError(f"the picture {label(path)}", "a name ending in .png or .jpg")
    try:
        with atomic_path(path) as temporary:
            Image.fromarray(picture).save(temporary, quality=95)
    except OSError as error:
        raise VideoError(f"{label(path)} cannot be written ({error.strerror})") from error
    return path


def _kind(image: Image.Image, data: bytes) -> str:
    """Return what a picture is if it is not 8-bit RGB, else ""."""
    deep_png = image.format == "PNG" and len(data) > 24 and data[24] == 16
    if deep_png or image.mode.startswith(("I", "F")):
        return "16 bits deep"
    if image.has_transparency_data:
        return "partly transparent"
    return "" if image.mode == "RGB" else f"of colour mode {image.mode}"


def _to_rgb(image: Image.Image) -> UInt8[np.ndarray, "height width 3"]:
    if image.mode.startswith("I"):
        deep = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        return np.repeat((deep >> 8).astype(np.uint8)[..., None], 3, axis=2)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))
