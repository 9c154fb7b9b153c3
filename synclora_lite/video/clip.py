"""A clip in memory, and how it is brought to another frame rate."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from synclora_lite.errors import VideoError

Frames = UInt8[np.ndarray, "frames height width 3"]
Grid = tuple[float, Int[np.ndarray, " grid"]]  # a rate, and which frame to show at each moment
Number = float | int  # what a checker of types at run time also takes for 12


@dataclass(frozen=True, eq=False)
class Clip:
    """RGB frames at a constant rate, and where their sound is; VideoError if they are neither."""

    frames: Frames  # 8 bit
    fps: Number
    audio: Path | None = None  # a file whose first sound track is read when the clip is written
    start: Number = 0.0  # seconds into `audio` at which frame 0 is shown
    notes: tuple[str, ...] = ()  # what was done to the pictures on reading, for people
    person: int | None = None  # of several the one that counts, from the left; None: the largest

    def __post_init__(self) -> None:
        check_frames(self.frames)
        if not 0 < self.fps <= 1000:  # nor if it is no number
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
    if frames.dtype != np.uint8 or frames.shape[3:] != (3,) or not frames.size:
        raise VideoError(f"frames of shape {frames.shape} and type {frames.dtype}", expected)


def resample_indices(
    frames: int, fps: Number, target_fps: Number
) -> Int[np.ndarray, " target_frames"]:
    """Return, for each frame at `target_fps`, the nearest of `frames` frames at `fps`."""
    count = max(1, round(frames * target_fps / fps))
    nearest = np.floor(np.arange(count) * (fps / target_fps) + 0.5 - 1e-9).astype(np.int64)
    return np.clip(nearest, 0, frames - 1)


def resample(clip: Clip, fps: Number) -> Clip:
    """Repeat or leave out whole frames: never blended, a blink stays as sharp as it was filmed."""
    if fps == clip.fps:
        return clip
    other = replace(clip, fps=fps)
    return replace(other, frames=clip.frames[resample_indices(len(clip), clip.fps, fps)])


def regular_grid(times: Sequence[float], declared: Number | None, limit: int) -> Grid:
    """Find the constant frame rate that a file's time stamps stand for.

    If every stamp (seconds, in the order of decoding) lies within half a frame of a constant rate,
    the declared one first, each frame is kept once. Otherwise the rate is that of the median step
    (the declared one if it is close), and the grid shows at each moment the last frame that had
    begun. Raises VideoError if it has more than `limit` frames.
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
        what = f"time stamps that spread {count} frames over {span:.0f} s"
        most, advice = f"at most {limit} frames at a constant rate", "export the clip again at one"
        raise VideoError(what, most, advice)
    grid = stamps[0] + np.arange(int(np.ceil(span * fps - 0.25)) + 1) / fps
    shown = np.searchsorted(stamps, grid + 0.25 / fps, side="right") - 1
    shown[0] = 0  # the first frame is the one that gets edited
    return fps, shown
