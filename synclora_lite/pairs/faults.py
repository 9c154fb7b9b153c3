"""Faults planted on purpose: what goes wrong in generated pairs, made exactly, to test the scores.

Timing faults are maps of frames: entry t says which frame of the true edit is shown at frame t.
They may reach outside the clip, so the true edit is made longer (see `shown`). Motion
faults change what a portrait does before it is drawn. Picture faults change finished frames.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int, UInt8

from synclora_lite.errors import PairError
from synclora_lite.portraits import Motion

Frames = UInt8[np.ndarray, "frames height width 3"]
FrameMap = Int[np.ndarray, " frames"]

HEAD = ("yaw", "pitch", "roll", "x", "y")
MOUTH = ("mouth_open", "mouth_width", "smile")
LIDS = ("blink_left", "blink_right")
GAZE = ("gaze_x", "gaze_y")


# Timing


def late(frames: int, by: int) -> FrameMap:
    """Shift: everything happens `by` frames late (early if negative)."""
    return np.arange(frames) - by


def drifting(frames: int, by: int) -> FrameMap:
    """Drift: in time at first, and `by` frames late at the end."""
    return np.arange(frames) - np.round(by * np.linspace(0, 1, frames)).astype(int)


def dropped(frames: int, at: int, count: int = 1) -> FrameMap:
    """Drop: `count` frames are left out before frame `at`; the rest comes early."""
    times = np.arange(frames)
    return np.where(times < at, times, times + count)


def repeated(frames: int, at: int, count: int = 1) -> FrameMap:
    """Repeat: frame `at` is held for `count` more frames; the rest comes late."""
    times = np.arange(frames)
    return np.where(times <= at, times, np.maximum(times - count, at))


def other_rate(frames: int, ratio: float) -> FrameMap:
    """Play at `ratio` times the right frame rate, as after reading a clip with the wrong one."""
    return np.floor(np.arange(frames) * ratio).astype(int)


def shown(
    padded: UInt8[np.ndarray, "padded height width 3"], times: FrameMap, start: int
) -> Frames:
    """Show a clip by a frame map.

    Args:
        padded: The true clip with frames to spare at both ends.
        times: Which true frame is shown at each frame.
        start: Index in `padded` of the true frame 0.

    Raises:
        PairError: The map reaches outside the padded clip.

    """
    indices = times + start
    if indices.min() < 0 or indices.max() >= len(padded):
        raise PairError(
            f"a fault that needs frames {indices.min()} to {indices.max()}",
            f"frames within 0 to {len(padded) - 1}",
            "render more frames around the clip",
        )
    return padded[indices]


# Motion


def without_blinks(motion: Motion) -> Motion:
    """Keep the eyes open throughout."""
    return _constant(motion, LIDS, 0.0)


def frozen_gaze(motion: Motion) -> Motion:
    """Keep looking where the first frame looks."""
    return _constant(motion, GAZE, None)


def other_mouth(motion: Motion, other: Motion) -> Motion:
    """Let another clip's mouth speak.

    Raises:
        PairError: The other motion is shorter.

    """
    if len(other) < len(motion):
        raise PairError(f"a mouth of {len(other)} frames", f"{len(motion)} frames or more")
    return motion.replace(**{name: other[name][: len(motion)] for name in MOUTH})


def scaled_pose(motion: Motion, factor: float) -> Motion:
    """Turn and move the head `factor` times as far."""
    return motion.replace(**{name: factor * motion[name] for name in HEAD})


def _constant(motion: Motion, channels: Sequence[str], value: float | None) -> Motion:
    held = {
        name: torch.full_like(motion[name], float(motion[name][0]) if value is None else value)
        for name in channels
    }
    return motion.replace(**held)


# Pictures


def occluded(frames: Frames, first: int, last: int, colour: tuple[int, int, int]) -> Frames:
    """Hold something plain before the lower half of the face in frames `first` to `last` - 1."""
    height, width = frames.shape[1:3]
    hidden = frames.copy()
    hidden[first:last, height // 2 : height * 3 // 4, width // 5 : width * 4 // 5] = colour
    return hidden


def face_lost(frames: Frames, first: int, last: int) -> Frames:
    """Let the person leave the picture in frames `first` to `last` - 1.

    The picture is filled with its own border colours, row by row.
    """
    empty = frames.copy()
    left = frames[first:last, :, :1].astype(np.float32)
    right = frames[first:last, :, -1:].astype(np.float32)
    ramp = np.linspace(0, 1, frames.shape[2], dtype=np.float32)[:, None]
    empty[first:last] = (left * (1 - ramp) + right * ramp).astype(np.uint8)
    return empty


def cut(
    frames: Frames, other: UInt8[np.ndarray, "others height_other width_other 3"], at: int
) -> Frames:
    """Cut to another clip at frame `at`.

    Raises:
        PairError: The other clip has another size or is shorter.

    """
    if other.shape[1:] != frames.shape[1:] or len(other) < len(frames):
        raise PairError(f"a clip of shape {other.shape}", f"{frames.shape} or longer")
    return np.concatenate([frames[:at], other[at : len(frames)]])


def swapped(source: Frames, edited: Frames, at: int) -> tuple[Frames, Frames]:
    """Exchange the two panels from frame `at` on."""
    return cut(source, edited, at), cut(edited, source, at)
