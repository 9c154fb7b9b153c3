"""Read a clip: decode, apply rotation and pixel aspect, find the frame rate, crop and scale."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from synclora_lite.errors import VideoError
from synclora_lite.video.clip import Clip, regular_grid
from synclora_lite.video.decoding import AGAIN, EXPECTED, Picture, decode
from synclora_lite.video.geometry import Box, check_box, crop, resize_picture
from synclora_lite.video.limits import LIMITS, Limits, check_size, label, regular_file

_crop = crop  # an option of `read_clip` has the same name


@dataclass(frozen=True)
class VideoInfo:
    """What a clip is, counted on its decoded frames: as `read_clip` returns them."""

    width: int  # pixels, upright and square
    height: int
    frames: int
    fps: float  # constant
    duration: float  # seconds, frames / fps
    rotation: int  # degrees counter-clockwise by which the file asked to be turned
    has_audio: bool
    codec: str  # ffmpeg's name of the video codec, e.g. "h264"


def probe(path: str | Path, *, limits: Limits = LIMITS) -> VideoInfo:
    """Describe a clip by decoding it once without keeping the frames.

    Raises VideoError as `read_clip` does.
    """
    path = regular_file(path, EXPECTED)
    sizes: list[tuple[int, int]] = []
    decoded = decode(path, lambda p: sizes.append(p.shape[:2]), limits, limits.frames + 1)
    decoded.check_whole()
    _check_count(path, len(decoded.times), limits)
    height, width = sizes[0]
    check_size(path, height, width, limits)
    fps, grid = regular_grid(decoded.times, decoded.rate, limits.frames)
    stream = decoded.stream
    return VideoInfo(
        *(width, height, len(grid), fps, len(grid) / fps),
        *(stream.rotation, stream.has_audio, stream.codec),
    )


def read_clip(
    path: str | Path,
    *,
    max_frames: int | None = None,
    crop: Box | None = None,
    max_side: int | None = None,
    damaged: bool = False,
    limits: Limits = LIMITS,
) -> Clip:
    """Read a clip as upright RGB frames with square pixels at a constant rate.

    A variable frame rate becomes a constant one (`regular_grid`), HDR and other colours plain ones
    (see `stream`; `Clip.notes` says so); the sound track, if any, is remembered as `Clip.audio` and
    written again by `write_clip`. Raises VideoError if the file is missing, empty, no video,
    damaged, too small or too large; or the crop lies outside the frame.

    Args:
        path: An mp4, mov, webm, mkv, avi or gif file.
        max_frames: Read at most so many frames from the start.
        crop: Keep (x0, y0, x1, y1) of every frame only, in pixels of the upright frame.
        max_side: Scale frames down so that the longer side has at most so many pixels.
        damaged: Accept what can be decoded of a damaged or cut-off file instead of refusing it.
        limits: Bounds on frames, pixels, memory and time.

    """
    path = regular_file(path, EXPECTED)
    if max_frames is not None and max_frames < 1:
        raise VideoError(f"max_frames of {max_frames}", "at least 1")
    keeper = _Keeper(path, crop, max_side, limits)
    decoded = decode(path, keeper.add, limits, max_frames or limits.frames + 1)
    if not (damaged and keeper.frames):
        decoded.check_whole()
    _check_count(path, len(keeper.frames), limits)
    times = decoded.times[: len(keeper.frames)]
    fps, grid = regular_grid(times, decoded.rate, limits.frames)
    audio = path if decoded.stream.has_audio else None
    frames = keeper.stack(grid[:max_frames])
    return Clip(frames, fps, audio, max(0.0, times[0]), decoded.stream.notes)


def side_by_side(source: Clip | str | Path) -> tuple[Clip, Clip]:
    """Split a two-panel clip into its left and right halves (a middle odd column is dropped).

    The pairs of arXiv 2512.03013 are generated this way: 960x480, two panels of 480x480. Raises
    VideoError if the file cannot be read, or a half would be narrower than 16 pixels.
    """
    clip = source if isinstance(source, Clip) else read_clip(source)
    height, width = clip.size
    half = width // 2
    return _crop(clip, (0, 0, half, height)), _crop(clip, (width - half, 0, width, height))


@dataclass
class _Keeper:
    """Collects decoded frames, cropped and scaled, and refuses when there are too many."""

    path: Path
    crop: Box | None
    max_side: int | None
    limits: Limits

    def __post_init__(self) -> None:
        self.frames: list[Picture] = []

    def add(self, picture: Picture) -> None:
        if not self.frames:
            height, width = picture.shape[:2]
            check_size(self.path, height, width, self.limits)
        if self.crop:
            x0, y0, x1, y1 = check_box(self.crop, *picture.shape[:2])
            picture = picture[y0:y1, x0:x1].copy()
        longest = max(picture.shape[:2])
        if self.max_side and longest > self.max_side:
            height, width = (max(1, round(s * self.max_side / longest)) for s in picture.shape[:2])
            picture = resize_picture(picture, height, width)
        if self.frames and picture.shape != self.frames[0].shape:
            raise VideoError(f"{label(self.path)} changes its picture size", "one size", AGAIN)
        self.frames.append(picture)
        self._check_total(len(self.frames))

    def stack(self, grid: Int[np.ndarray, " frames"]) -> UInt8[np.ndarray, "frames height width 3"]:
        """Return the frames of the grid as one array, freeing them while they are copied."""
        self._check_total(len(grid))
        result = np.empty((len(grid), *self.frames[0].shape), dtype=np.uint8)
        kept: list[Picture | None] = list(self.frames)
        self.frames.clear()
        for row, index in enumerate(grid):
            result[row] = kept[index]
            kept[:index] = [None] * int(index)
        return result

    def _check_total(self, count: int) -> None:
        height, width = self.frames[0].shape[:2]
        if count * height * width > self.limits.total_pixels:
            raise VideoError(
                f"{label(self.path)} holds more than {count - 1} frames of {width}x{height}",
                f"at most {self.limits.total_pixels // 10**6} million pixels in all",
                "trim it, or crop or scale it down while reading (max_frames, crop, max_side)",
            )


def _check_count(path: Path, frames: int, limits: Limits) -> None:
    if frames > limits.frames:
        what, most = f"{label(path)} holds more than {limits.frames} frames", limits.frames
        raise VideoError(what, f"at most {most}", "trim it, or read fewer with max_frames")
