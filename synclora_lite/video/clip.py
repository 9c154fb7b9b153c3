"""A clip in memory, and what is done to it along time: trim and resample to a frame rate."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from synclora_lite.errors import VideoError

Frames = UInt8[np.ndarray, "frames height width 3"]
Number = float | int  # what a checker of types at run time also takes for 12


@dataclass(frozen=True, eq=False)
class Clip:
    """RGB frames at a constant rate, and where their sound is.

    Attributes:
        frames: RGB, 8 bit.
        fps: Frames a second.
        audio: The file whose first audio track belongs to the clip, if any. It is read when the
            clip is written.
        start: Seconds into `audio` at which frame 0 is shown.
        notes: What was done to the pictures on reading, for people.
        person: Of several people the one that counts, by number from the left; None: the largest.

    Raises:
        VideoError: The frames are not 8-bit RGB, there are none, or the rate makes no sense.

    """

    frames: Frames
    fps: Number
    audio: Path | None = None
    start: Number = 0.0
    notes: tuple[str, ...] = ()
    person: int | None = None

    def __post_init__(self) -> None:
        check_frames(self.frames)
        if not (np.isfinite(self.fps) and 0 < self.fps <= 1000):
            raise VideoError(f"a clip at {self.fps} frames a second", "a rate in (0, 1000]")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.frames.shape[1]), int(self.frames.shape[2])

    @property
    def duration(self) -> float:
        """Seconds from the start of the first frame to the end of the last."""
        return len(self.frames) / self.fps

    def __len__(self) -> int:
        return len(self.frames)


def check_frames(frames: object) -> None:
    """Raise VideoError unless `frames` is a non-empty `UInt8[np.ndarray, "f h w 3"]`."""
    expected = "a uint8 numpy array of shape (frames, height, width, 3)"
    if not isinstance(frames, np.ndarray):
        raise VideoError(f"frames of type {type(frames).__name__}", expected)
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
        raise VideoError(f"frames of shape {frames.shape} and type {frames.dtype}", expected)
    if 0 in frames.shape:
        raise VideoError(f"frames of shape {frames.shape}, which holds no picture", expected)


def trim(clip: Clip, first: int, last: int) -> Clip:
    """Keep frames `first` up to and without `last`; the sound keeps its place.

    Raises:
        VideoError: The range is empty or reaches outside the clip.

    """
    if not 0 <= first < last <= len(clip):
        raise VideoError(f"frames {first} to {last} of a clip of {len(clip)}", "a range inside it")
    return replace(clip, frames=clip.frames[first:last], start=clip.start + first / clip.fps)


def resample_indices(
    frames: int, fps: Number, target_fps: Number
) -> Int[np.ndarray, " target_frames"]:
    """Return, for each frame at `target_fps`, the nearest of `frames` frames at `fps`.

    The first maps to the first, indices never fall, and the duration is kept to within half a
    target frame.
    """
    count = max(1, round(frames * target_fps / fps))
    nearest = np.floor(np.arange(count) * (fps / target_fps) + 0.5 - 1e-9).astype(np.int64)
    return np.clip(nearest, 0, frames - 1)


def resample(clip: Clip, fps: Number) -> Clip:
    """Show the clip at another frame rate by repeating or leaving out whole frames.

    Frames are never blended: a blink stays as sharp as it was filmed.

    Raises:
        VideoError: The rate makes no sense, or the result would be absurdly long.

    """
    if fps == clip.fps:
        return clip
    if not (np.isfinite(fps) and 0 < fps <= 1000):
        raise VideoError(f"a rate of {fps} frames a second", "a rate in (0, 1000]")
    return replace(clip, frames=clip.frames[resample_indices(len(clip), clip.fps, fps)], fps=fps)


def regular_grid(
    times: Sequence[float], declared: Number | None, limit: int
) -> tuple[float, Int[np.ndarray, " grid"]]:
    """Find the constant frame rate that a file's time stamps stand for.

    If every stamp lies within half a frame of a constant rate (the declared one first), each
    frame is kept once. Otherwise the rate is that of the median step (the declared one if it is
    close), and the grid shows at each moment the last frame that had begun.

    Args:
        times: Seconds at which each frame begins, in the order of decoding.
        declared: The rate the file claims, or None.
        limit: The most frames the grid may have.

    Returns:
        Frames a second, and for every frame of the grid the index of the frame to show.

    Raises:
        VideoError: The stamps stand for more than `limit` frames.

    """
    stamps = np.maximum.accumulate(np.asarray(times, dtype=np.float64))
    count, span = len(stamps), float(stamps[-1] - stamps[0])
    fallback = declared if declared and 1 <= declared <= 1000 else 25.0
    if span <= 0:
        return fallback, np.arange(count)
    average = (count - 1) / span
    for fps in (fallback, average):
        drift = np.abs(stamps - stamps[0] - np.arange(count) / fps)
        if drift.max() <= 0.5 / fps and fps <= 1000:
            return fps, np.arange(count)
    steps = np.diff(stamps)
    typical = float(np.clip(1 / np.median(steps[steps > 0]), 1, 120))
    fps = fallback if abs(typical / fallback - 1) < 0.1 else typical
    if span * fps + 1 > limit:
        raise VideoError(
            f"time stamps that spread {count} frames over {span:.0f} s",
            f"at most {limit} frames at a constant rate",
            "export the clip again at a constant frame rate",
        )
    grid = stamps[0] + np.arange(int(np.ceil(span * fps - 0.25)) + 1) / fps
    shown = np.searchsorted(stamps, grid + 0.25 / fps, side="right") - 1
    shown[0] = 0  # the first frame is the one that gets edited
    return fps, shown
