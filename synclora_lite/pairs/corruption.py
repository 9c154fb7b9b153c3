"""Corruptions: what goes wrong in generated pairs, made exactly and on purpose, to test the scores.

In time they are maps: entry t says which frame of the true edit is shown at frame t. A map may
reach outside the clip, so the true edit is made longer (see `shown`). In motion they change what
a portrait does before it is drawn, in the picture finished frames.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Int, UInt8

from synclora_lite.errors import PairError
from synclora_lite.pairs.building import Builder, Drawn
from synclora_lite.portraits import (
    EditCase,
    Identity,
    Motion,
    edit_case,
    render_clip,
    sample_motion,
)

Frames = UInt8[np.ndarray, "frames height width 3"]
FrameMap = Int[np.ndarray, " frames"]
Corruption = tuple[Frames, Frames, dict[str, Any]]  # source, edit, how strong

HEAD = ("yaw", "pitch", "roll", "x", "y")
MOUTH = ("mouth_open", "mouth_width", "smile")
LEAST_FRAMES = 4  # frames are dropped or repeated from frame 2 to the middle of the clip
SPARE = 8  # frames rendered before and after the clip, for corruptions in time


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
            f"a corruption that needs frames {indices.min()} to {indices.max()}",
            f"frames within 0 to {len(padded) - 1}",
            "render more frames around the clip",
        )
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
    """Let the person leave the picture in frames `first` to `last` - 1.

    The picture is filled with its own border colours, row by row.
    """
    empty = frames.copy()
    left = frames[first:last, :, :1].astype(np.float32)
    right = frames[first:last, :, -1:].astype(np.float32)
    ramp = np.linspace(0, 1, frames.shape[2], dtype=np.float32)[:, None]
    empty[first:last] = (left * (1 - ramp) + right * ramp).astype(np.uint8)
    return empty


# Each of them in a pair, as strong as chance will have it


@dataclass(frozen=True)
class Case:
    """One exact pair about to be corrupted.

    Attributes:
        edit: Source, edit and a motion with SPARE more frames at both ends.
        size: In pixels.
        seed: Of the strength of the corruption.

    """

    edit: EditCase
    size: int
    seed: int

    @cached_property
    def random(self) -> np.random.Generator:
        """Draws the strength."""
        return np.random.default_rng([self.seed, 1])

    @property
    def motion(self) -> Motion:
        """The motion of the clip itself."""
        return Motion(self.edit.motion.values[SPARE:-SPARE], self.edit.motion.fps)

    @property
    def frames(self) -> int:
        """Length of the clip."""
        return len(self.edit.motion) - 2 * SPARE

    def source(self) -> Frames:
        """Render the source."""
        return self._render(self.edit.source, self.motion)

    def edited(self, motion: Motion | None = None) -> Frames:
        """Render the edit, with its own motion or another."""
        return self._render(self.edit.edited, motion or self.motion)

    def _render(self, who: Identity, motion: Motion) -> Frames:
        return render_clip(who, motion, self.size)

    def stranger(self) -> Motion:
        """Draw another motion of the same length."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        return sample_motion(generator, self.frames, self.edit.motion.fps)

    def number(self, low: int, high: int) -> int:
        """Draw a whole number in low..high."""
        return int(self.random.integers(low, high + 1))

    def window(self) -> tuple[int, int]:
        """Draw a stretch of frames that is two fifths of the clip, after frame 0."""
        length = max(1, round(0.4 * self.frames))
        first = self.number(1, self.frames - length)
        return first, first + length

    def retimed(self, times: FrameMap, **strength: Any) -> Corruption:
        """Return the pair with the edit shown by a map; the spare frames are the ends."""
        rows = np.clip(times + SPARE, 0, len(self.edit.motion) - 1)
        values = self.edit.motion.values[torch.from_numpy(rows)]
        return self.moved(Motion(values, self.edit.motion.fps), **strength)

    def moved(self, motion: Motion, **strength: Any) -> Corruption:
        """Return the pair with another motion of the edit."""
        return self.source(), self.edited(motion), strength


def _shift(case: Case) -> Corruption:
    by = case.number(1, 5) * (1 if case.random.random() < 0.5 else -1)
    return case.retimed(late(case.frames, by), by=by)


def _drift(case: Case) -> Corruption:
    by = case.number(3, 6)
    return case.retimed(drifting(case.frames, by), by=by)


def _dropped(case: Case) -> Corruption:
    at, count = case.number(2, case.frames // 2), case.number(2, 4)
    return case.retimed(dropped(case.frames, at, count), at=at, count=count)


def _repeated(case: Case) -> Corruption:
    at, count = case.number(2, case.frames // 2), case.number(2, 4)
    return case.retimed(repeated(case.frames, at, count), at=at, count=count)


def _rate(case: Case) -> Corruption:
    ratio = (0.5, 0.8, 1.25)[case.number(0, 2)]
    return case.retimed(other_rate(case.frames, ratio), ratio=ratio)


def _no_blinks(case: Case) -> Corruption:
    blinks = bool((case.motion["blink_left"] > 0.5).any())  # else there is nothing to remove
    return case.moved(without_blinks(case.motion), blinks=blinks)


def _gaze(case: Case) -> Corruption:
    return case.moved(frozen_gaze(case.motion))


def _mouth(case: Case) -> Corruption:
    return case.moved(other_mouth(case.motion, case.stranger()))


def _pose(case: Case) -> Corruption:
    factor = (0.0, 0.3, 1.8)[case.number(0, 2)]
    return case.moved(scaled_pose(case.motion, factor), factor=factor)


def _occlusion(case: Case) -> Corruption:
    """Hold something plain before the lower half of the face."""
    (first, last), (height, width) = case.window(), (case.size, case.size)
    edited = case.edited().copy()
    lower = (slice(height // 2, height * 3 // 4), slice(width // 5, width * 4 // 5))
    edited[first:last, *lower] = [case.number(0, 255) for _ in range(3)]
    return case.source(), edited, {"first": first, "last": last}


def _face_lost(case: Case) -> Corruption:
    first, last = case.window()
    return case.source(), face_lost(case.edited(), first, last), {"first": first, "last": last}


def _cut(case: Case) -> Corruption:
    at = case.number(case.frames // 4, case.frames // 2)
    edited, other = case.edited(), case.edited(case.stranger())
    return case.source(), np.concatenate([edited[:at], other[at:]]), {"at": at}


def _swap(case: Case) -> Corruption:
    at = case.number(case.frames // 4, case.frames // 2)
    source, edited = case.source(), case.edited()
    swapped = [np.concatenate([a[:at], b[at:]]) for a, b in ((source, edited), (edited, source))]
    return swapped[0], swapped[1], {"at": at}


CORRUPTIONS: dict[str, Callable[[Case], Corruption]] = {
    "shift": _shift,
    "drift": _drift,
    "dropped frames": _dropped,
    "repeated frames": _repeated,
    "other rate": _rate,
    "blinks removed": _no_blinks,
    "gaze frozen": _gaze,
    "other mouth": _mouth,
    "pose scaled": _pose,
    "occlusion": _occlusion,
    "face lost": _face_lost,
    "cut": _cut,
    "panel swap": _swap,
}


@dataclass(frozen=True)
class Corrupted(Builder):
    """An exact pair with one known corruption, to test scores and filters.

    Attributes:
        frames: At least `LEAST_FRAMES`.
        size: In pixels.
        corruptions: Which take turns; all if empty.

    Raises:
        PairError: It would have too few frames, or there is no corruption of that name.

    """

    name: ClassVar[str] = "corrupted"
    frames: int = 17
    size: int = 96
    corruptions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the length and the names."""
        if self.frames < LEAST_FRAMES:
            raise PairError(f"corrupted pairs of {self.frames} frames", f"{LEAST_FRAMES} or more")
        for name in self.corruptions:
            if name not in CORRUPTIONS:
                raise PairError(f"the corruption {name!r}", ", ".join(CORRUPTIONS))

    def draw(self, seed: int, kind: str) -> Drawn:
        """Draw a case and the strength of its corruption."""
        names = self.corruptions or tuple(CORRUPTIONS)
        name = names[seed % len(names)]
        case = Case(edit_case(seed, kind, self.frames + 2 * SPARE), self.size, seed)
        source, edited, strength = CORRUPTIONS[name](case)
        return Drawn(source, edited, case.edit.motion.fps, {"corruption": name, **strength})
