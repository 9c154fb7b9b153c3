"""Still pictures: whatever kind comes in, 8-bit RGB comes out, or one line that says why not."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from synclora_lite.video import VideoError, read_image, write_image


@pytest.fixture
def picture() -> np.ndarray:
    """A smooth colourful picture of 48 x 64 pixels."""
    rows, columns = np.mgrid[0:48, 0:64]
    return np.stack([rows * 5, columns * 4, 255 - rows * 2 - columns], axis=-1).astype(np.uint8)


@settings(max_examples=15)
@given(height=st.integers(16, 40), width=st.integers(16, 40), seed=st.integers(0, 99))
def test_a_png_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, height: int, width: int, seed: int
) -> None:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    path = tmp_path_factory.mktemp("png") / "a.png"
    assert np.array_equal(read_image(write_image(path, values)), values)


def test_a_jpeg_comes_back_nearly(tmp_path: Path, picture: np.ndarray) -> None:
    again = read_image(write_image(tmp_path / "a.jpg", picture)).astype(int)
    assert np.abs(again - picture).mean() < 4


@pytest.mark.parametrize("suffix", ["webp", "bmp"])
def test_webp_and_bmp_are_read(tmp_path: Path, picture: np.ndarray, suffix: str) -> None:
    Image.fromarray(picture).save(tmp_path / f"a.{suffix}", lossless=True)
    assert np.array_equal(read_image(tmp_path / f"a.{suffix}"), picture)


def test_grey_is_repeated(tmp_path: Path, picture: np.ndarray) -> None:
    Image.fromarray(picture[..., 0]).save(tmp_path / "grey.png")
    assert np.array_equal(read_image(tmp_path / "grey.png"), picture[..., [0, 0, 0]])


def test_sixteen_bits_keep_their_upper_half(tmp_path: Path, picture: np.ndarray) -> None:
    deep = picture.astype(np.uint16) * 256 + 200
    cv2.imwrite(str(tmp_path / "rgb.png"), deep[..., ::-1])
    cv2.imwrite(str(tmp_path / "grey.png"), deep[..., 0])
    assert np.array_equal(read_image(tmp_path / "rgb.png"), picture)
    assert np.array_equal(read_image(tmp_path / "grey.png"), picture[..., [0, 0, 0]])


def test_transparency_is_laid_over_white(tmp_path: Path, picture: np.ndarray) -> None:
    alpha = np.full((48, 64, 1), 255, np.uint8)
    alpha[:, :32] = 0
    Image.fromarray(np.concatenate([picture, alpha], axis=2)).save(tmp_path / "a.png")
    over_white = read_image(tmp_path / "a.png")
    assert (over_white[:, :32] == 255).all()
    assert np.array_equal(over_white[:, 32:], picture[:, 32:])


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1", "I;16"])
def test_other_kinds_can_be_refused(tmp_path: Path, picture: np.ndarray, mode: str) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    if mode == "I;16":
        cv2.imwrite(str(path), picture[..., 0].astype(np.uint16) * 257)
    else:
        Image.fromarray(picture).convert(mode).save(path)
    assert read_image(path).shape == (48, 64, 3)
    with pytest.raises(VideoError, match="convert=True"):
        read_image(path, convert=False)


def test_a_turned_photo_comes_upright(tmp_path: Path, picture: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    Image.fromarray(picture).save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert read_image(tmp_path / "a.jpg").shape == (64, 48, 3)


def huge_png(side: int) -> bytes:
    """Return a tiny PNG whose header promises side x side pixels."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "does not exist"),
        (b"", "is empty"),
        (b"words\n" * 50, "cannot be read as a picture"),
        (huge_png(9000), "9000x9000"),
        (huge_png(60000), "far too large"),
        (huge_png(8), "only 8x8"),
        (huge_png(64), "cannot be read as a picture"),
    ],
)
def test_bad_pictures_are_told_in_one_line(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "bad.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoError, match=words) as caught:
        read_image(path)
    assert "bad.png" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_picture_is_refused(tmp_path: Path, picture: np.ndarray) -> None:
    for name in ("a.png", "a.jpg"):
        whole = write_image(tmp_path / name, picture).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(VideoError, match="cannot be read as a picture"):
            read_image(tmp_path / name)


def test_writing_refuses_other_suffixes_and_leaves_nothing(
    tmp_path: Path, picture: np.ndarray
) -> None:
    with pytest.raises(VideoError, match=r"\.png or \.jpg"):
        write_image(tmp_path / "a.tiff", picture)
    assert list(tmp_path.iterdir()) == []
