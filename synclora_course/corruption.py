"""Corruptions: what goes wrong in generated pairs, made exactly and on purpose, to test the scores.

In time they are maps: entry t says which frame of the true edit is shown at frame t. A map may
reach outside the clip, so the true edit is made longer (see `shown`). In motion they change what
a portrait does before it is drawn, in the picture finished frames.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Int, UInt8

from synclora_lite.errors import PairError
from synclora_lite.pairs.building import Builder, Drawn
from synclora_lite.pairs.folder import Frames
from synclora_lite.portraits import Motion, edit_case, render_clip, sample_motion
from synclora_lite.portraits.motion import HEAD

FrameMap = Int[np.ndarray, " frames"]
Random = np.random.Generator  # draws how strong a corruption is
Strength = dict[str, Any]

MOUTH = ("mouth_open", "mouth_width", "smile")
LEAST_FRAMES = 4  # frames are dropped or repeated from frame 2 to the middle of the clip
SPARE = 8  # frames before and after the clip, for corruptions in time


# Time


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
    """Show a clip by a frame map; its true frame 0 is number `start` of `padded`."""
    indices = times + start
    if indices.min() < 0 or indices.max() >= len(padded):
        what = f"a corruption that needs frames {indices.min()} to {indices.max()}"
        advice = "render more frames around the clip"
        raise PairError(what, f"frames within 0 to {len(padded) - 1}", advice)
    return padded[indices]


# Motion


def without_blinks(motion: Motion) -> Motion:
    """Keep the eyes open throughout."""
    lids = ("blink_left", "blink_right")
    return motion.replace(**{name: torch.zeros_like(motion[name]) for name in lids})


def frozen_gaze(motion: Motion) -> Motion:
    """Keep looking where the first frame looks."""
    gaze = ("gaze_x", "gaze_y")
    return motion.replace(**{name: motion[name][:1].expand(len(motion)) for name in gaze})


def other_mouth(motion: Motion, other: Motion) -> Motion:
    """Let the mouth of another clip, at least as long, speak."""
    return motion.replace(**{name: other[name][: len(motion)] for name in MOUTH})


def scaled_pose(motion: Motion, factor: float) -> Motion:
    """Turn and move the head `factor` times as far."""
    return motion.replace(**{name: factor * motion[name] for name in HEAD})


# Picture


def face_lost(frames: Frames, first: int, last: int) -> Frames:
    """Fill frames `first` to `last` - 1 with their own border colours: the person has left."""
    empty = frames.copy()
    left = frames[first:last, :, :1].astype(np.float32)
    right = frames[first:last, :, -1:].astype(np.float32)
    ramp = np.linspace(0, 1, frames.shape[2], dtype=np.float32)[:, None]
    empty[first:last] = (left * (1 - ramp) + right * ramp).astype(np.uint8)
    return empty


# Each of them in a pair, as strong as chance will have it


def _number(random: Random, low: int, high: int) -> int:
    return int(random.integers(low, high + 1))


def _shift(_frames: int, random: Random) -> Strength:
    return {"by": _number(random, 1, 5) * (1 if random.random() < 0.5 else -1)}


def _some(frames: int, random: Random) -> Strength:
    return {"at": _number(random, 2, frames // 2), "count": _number(random, 2, 4)}


def _pose(motion: Motion, _other: Motion, random: Random) -> tuple[Motion, Strength]:
    factor = (0.0, 0.3, 1.8)[_number(random, 0, 2)]
    return scaled_pose(motion, factor), {"factor": factor}


def _cut(motion: Motion, other: Motion, random: Random) -> tuple[Motion, Strength]:
    at = _number(random, len(motion) // 4, len(motion) // 2)
    return Motion(torch.cat([motion.values[:at], other.values[at:]]), motion.fps), {"at": at}


def _window(frames: int, random: Random) -> Strength:
    """Draw a stretch of frames that is two fifths of the clip, after frame 0."""
    length = max(1, round(0.4 * frames))
    first = _number(random, 1, frames - length)
    return {"first": first, "last": first + length}


def _occlusion(source: Frames, edited: Frames, random: Random) -> tuple[Frames, Frames, Strength]:
    """Hold something plain before the lower half of the face."""
    window, size, edited = _window(len(edited), random), edited.shape[1], edited.copy()
    lower = (slice(size // 2, size * 3 // 4), slice(size // 5, size * 4 // 5))
    edited[window["first"] : window["last"], *lower] = [_number(random, 0, 255) for _ in range(3)]
    return source, edited, window


def _face_lost(source: Frames, edited: Frames, random: Random) -> tuple[Frames, Frames, Strength]:
    window = _window(len(edited), random)
    return source, face_lost(edited, **window), window


def _swap(source: Frames, edited: Frames, random: Random) -> tuple[Frames, Frames, Strength]:
    at = _number(random, len(source) // 4, len(source) // 2)
    first, second = (
        np.concatenate([a[:at], b[at:]]) for a, b in ((source, edited), (edited, source))
    )
    return first, second, {"at": at}


IN_TIME: dict[str, tuple[Callable[..., FrameMap], Callable[[int, Random], Strength]]] = {
    "shift": (late, _shift),
    "drift": (drifting, lambda _, random: {"by": _number(random, 3, 6)}),
    "dropped frames": (dropped, _some),
    "repeated frames": (repeated, _some),
    "other rate": (other_rate, lambda _, r: {"ratio": (0.5, 0.8, 1.25)[_number(r, 0, 2)]}),
}
IN_MOTION: dict[str, Callable[[Motion, Motion, Random], tuple[Motion, Strength]]] = {
    "blinks removed": lambda motion, *_: (  # of a motion without blinks there is nothing to remove
        without_blinks(motion),
        {"blinks": bool((motion["blink_left"] > 0.5).any())},
    ),
    "gaze frozen": lambda motion, *_: (frozen_gaze(motion), {}),
    "other mouth": lambda motion, other, _: (other_mouth(motion, other), {}),
    "pose scaled": _pose,
    "cut": _cut,
}
IN_PICTURE = {"occlusion": _occlusion, "face lost": _face_lost, "panel swap": _swap}
CORRUPTIONS = (  # in the order in which they take turns
    *IN_TIME,
    *("blinks removed", "gaze frozen", "other mouth", "pose scaled"),
    *("occlusion", "face lost", "cut", "panel swap"),
)


@dataclass(frozen=True)
class Corrupted(Builder):
    """An exact pair with one known corruption, to test scores and filters."""

    name: ClassVar[str] = "corrupted"
    frames: int = 17  # at least `LEAST_FRAMES`
    size: int = 96  # in pixels
    corruptions: tuple[str, ...] = ()  # which take turns; all if empty

    def __post_init__(self) -> None:
        """Refuse clips that are too short, and unknown names."""
        if self.frames < LEAST_FRAMES:
            raise PairError(f"corrupted pairs of {self.frames} frames", f"{LEAST_FRAMES} or more")
        for name in self.corruptions:
            if name not in CORRUPTIONS:
                raise PairError(f"the corruption {name!r}", ", ".join(CORRUPTIONS))

    def draw(self, seed: int, kind: str) -> Drawn:
        """Draw an exact pair, and what goes wrong in it."""
        names = self.corruptions or CORRUPTIONS
        name, random = names[seed % len(names)], np.random.default_rng([seed, 1])
        case = edit_case(seed, kind, self.frames + 2 * SPARE)
        long, strength = case.motion, dict[str, Any]()
        motion = moved = Motion(long.values[SPARE:-SPARE], long.fps)
        if name in IN_TIME:
            corrupt, how_strong = IN_TIME[name]
            strength = how_strong(self.frames, random)
            rows = np.clip(corrupt(self.frames, **strength) + SPARE, 0, len(long) - 1)
            moved = Motion(long.values[torch.from_numpy(rows)], long.fps)
        elif name in IN_MOTION:
            other = sample_motion(torch.Generator().manual_seed(seed + 1), self.frames, long.fps)
            moved, strength = IN_MOTION[name](motion, other, random)
        source = render_clip(case.source, motion, self.size)
        edited = render_clip(case.edited, moved, self.size)
        if name in IN_PICTURE:
            source, edited, strength = IN_PICTURE[name](source, edited, random)
        return Drawn(source, edited, long.fps, {"corruption": name, **strength})
