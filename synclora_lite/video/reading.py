"""Read a clip: decode, apply rotation and pixel aspect, find the frame rate, crop and scale."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from synclora_lite.errors import VideoError
from synclora_lite.video.clip import Clip, regular_grid
from synclora_lite.video.decoding import AGAIN, EXPECTED, Picture, decode
from synclora_lite.video.geometry import Box, check_box, resize_picture
from synclora_lite.video.limits import LIMITS, Limits, check_size, label, regular_file


@dataclass(frozen=True)
class VideoInfo:
    """What a clip is, counted on its decoded frames.

    Attributes:
        width: Pixels, upright and with square pixels: as `read_clip` returns them.
        height: Pixels.
        frames: Frames that `read_clip` returns.
        fps: Frames a second, constant.
        duration: Seconds, frames / fps.
        rotation: Degrees counter-clockwise by which the file asks to be turned (already done).
        has_audio: Whether there is a sound track.
        codec: ffmpeg's name of the video codec, e.g. "h264".

    """

    width: int
    height: int
    frames: int
    fps: float
    duration: float
    rotation: int
    has_audio: bool
    codec: str


def probe(path: str | Path, *, limits: Limits = LIMITS) -> VideoInfo:
    """Describe a clip by decoding it once without keeping the frames.

    Raises:
        VideoError: As for `read_clip`.

    """
    path = regular_file(path, EXPECTED)
    sizes: list[tuple[int, int]] = []

    def note(picture: Picture) -> None:
        sizes.append((picture.shape[0], picture.shape[1]))

    decoded = decode(path, note, limits, limits.frames + 1)
    decoded.check_whole()
    _check_count(path, len(decoded.times), limits)
    height, width = sizes[0]
    check_size(path, height, width, limits)
    fps, grid = regular_grid(decoded.times, decoded.rate, limits.frames)
    return VideoInfo(
        width=width,
        height=height,
        frames=len(grid),
        fps=fps,
        duration=len(grid) / fps,
        rotation=decoded.stream.rotation,
        has_audio=decoded.stream.has_audio,
        codec=decoded.stream.codec,
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
    written again by `write_clip`.

    Args:
        path: An mp4, mov, webm, mkv, avi or gif file.
        max_frames: Read at most so many frames from the start.
        crop: Keep (x0, y0, x1, y1) of every frame only, in pixels of the upright frame.
        max_side: Scale frames down so that the longer side has at most so many pixels.
        damaged: Accept what can be decoded of a damaged or cut-off file instead of refusing it.
        limits: Bounds on frames, pixels, memory and time.

    Raises:
        VideoError: The file is missing, empty, no video, damaged, too small or too large; or the
            crop lies outside the frame.

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
    frames = keeper.stack(grid[:max_frames])
    audio = path if decoded.stream.has_audio else None
    return Clip(frames, fps, audio, max(0.0, times[0]), decoded.stream.notes)


class _Keeper:
    """Collects decoded frames, cropped and scaled, and refuses when there are too many."""

    def __init__(self, path: Path, crop: Box | None, max_side: int | None, limits: Limits) -> None:
        self.path, self.crop, self.max_side, self.limits = path, crop, max_side, limits
        self.frames: list[Picture] = []

    def add(self, picture: Picture) -> None:
        """Crop, scale and keep one frame."""
        height, width = picture.shape[:2]
        if not self.frames:
            check_size(self.path, height, width, self.limits)
        if self.crop:
            check_box(self.crop, height, width)
            x0, y0, x1, y1 = self.crop
            picture = picture[y0:y1, x0:x1].copy()
        height, width = picture.shape[:2]
        if self.max_side and max(height, width) > self.max_side:
            scale = self.max_side / max(height, width)
            height, width = max(1, round(height * scale)), max(1, round(width * scale))
            picture = resize_picture(picture, height, width)
        if self.frames and picture.shape != self.frames[0].shape:
            raise VideoError(f"{label(self.path)} changes its picture size", "one size", AGAIN)
        self.frames.append(picture)
        self._check_total(len(self.frames), picture)

    def stack(self, grid: Int[np.ndarray, " frames"]) -> UInt8[np.ndarray, "frames height width 3"]:
        """Return the frames of the grid as one array, freeing them while they are copied."""
        self._check_total(len(grid), self.frames[0])
        result = np.empty((len(grid), *self.frames[0].shape), dtype=np.uint8)
        kept: list[Picture | None] = list(self.frames)
        self.frames.clear()
        for row, index in enumerate(grid):
            result[row] = kept[index]
            kept[:index] = [None] * int(index)
        return result

    def _check_total(self, count: int, picture: Picture) -> None:
        height, width = picture.shape[:2]
        if count * height * width > self.limits.total_pixels:
            raise VideoError(
                f"{label(self.path)} holds more than {count - 1} frames of {width}x{height}",
                f"at most {self.limits.total_pixels // 10**6} million pixels in all",
                "trim it, or crop or scale it down while reading (max_frames, crop, max_side)",
            )


def _check_count(path: Path, frames: int, limits: Limits) -> None:
    if frames > limits.frames:
        raise VideoError(
            f"{label(path)} holds more than {limits.frames} frames",
            f"at most {limits.frames}",
            "trim it, or read fewer with max_frames",
        )
