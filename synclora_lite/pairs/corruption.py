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
from synclora_lite.portraits import HEAD, EditCase, Motion, edit_case, render_clip, sample_motion

FrameMap = Int[np.ndarray, " frames"]
Corruption = tuple[Frames, Frames, dict[str, Any]]  # source, edit, how strong

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
    """Fill frames `first` to `last` - 1 with their own border colours: the person has left."""
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
        random: Draws the strength of the corruption.
        stranger: Another motion of the same length.

    """

    edit: EditCase
    size: int
    random: np.random.Generator
    stranger: Motion

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
        return render_clip(self.edit.source, self.motion, self.size)

    def edited(self, motion: Motion | None = None) -> Frames:
        """Render the edit, with its own motion or another."""
        return render_clip(self.edit.edited, motion or self.motion, self.size)

    def number(self, low: int, high: int) -> int:
        """Draw a whole number in low..high."""
        return int(self.random.integers(low, high + 1))

    def window(self) -> tuple[int, int]:
        """Draw a stretch of frames that is two fifths of the clip, after frame 0."""
        length = max(1, round(0.4 * self.frames))
        first = self.number(1, self.frames - length)
        return first, first + length

    def retimed(self, corrupt: Callable[..., FrameMap], **strength: Any) -> Corruption:
        """Return the pair with the edit shown by a map; the spare frames are the ends."""
        rows = np.clip(corrupt(self.frames, **strength) + SPARE, 0, len(self.edit.motion) - 1)
        values = self.edit.motion.values[torch.from_numpy(rows)]
        return self.moved(Motion(values, self.edit.motion.fps), **strength)

    def moved(self, motion: Motion, **strength: Any) -> Corruption:
        """Return the pair with another motion of the edit."""
        return self.source(), self.edited(motion), strength


def _shift(case: Case) -> Corruption:
    by = case.number(1, 5) * (1 if case.random.random() < 0.5 else -1)
    return case.retimed(late, by=by)


def _no_blinks(case: Case) -> Corruption:
    blinks = bool((case.motion["blink_left"] > 0.5).any())  # else there is nothing to remove
    return case.moved(without_blinks(case.motion), blinks=blinks)


def _pose(case: Case) -> Corruption:
    factor = (0.0, 0.3, 1.8)[case.number(0, 2)]
    return case.moved(scaled_pose(case.motion, factor), factor=factor)


def _occlusion(case: Case) -> Corruption:
    """Hold something plain before the lower half of the face."""
    (first, last), size = case.window(), case.size
    edited = case.edited().copy()
    lower = (slice(size // 2, size * 3 // 4), slice(size // 5, size * 4 // 5))
    edited[first:last, *lower] = [case.number(0, 255) for _ in range(3)]
    return case.source(), edited, {"first": first, "last": last}


def _face_lost(case: Case) -> Corruption:
    first, last = case.window()
    return case.source(), face_lost(case.edited(), first, last), {"first": first, "last": last}


def _cut(case: Case) -> Corruption:
    at = case.number(case.frames // 4, case.frames // 2)
    edited, other = case.edited(), case.edited(case.stranger)
    return case.source(), np.concatenate([edited[:at], other[at:]]), {"at": at}


def _swap(case: Case) -> Corruption:
    at = case.number(case.frames // 4, case.frames // 2)
    source, edited = case.source(), case.edited()
    first, second = (
        np.concatenate([a[:at], b[at:]]) for a, b in ((source, edited), (edited, source))
    )
    return first, second, {"at": at}


CORRUPTIONS: dict[str, Callable[[Case], Corruption]] = {
    "shift": _shift,
    "drift": lambda case: case.retimed(drifting, by=case.number(3, 6)),
    "dropped frames": lambda case: case.retimed(
        dropped, at=case.number(2, case.frames // 2), count=case.number(2, 4)
    ),
    "repeated frames": lambda case: case.retimed(
        repeated, at=case.number(2, case.frames // 2), count=case.number(2, 4)
    ),
    "other rate": lambda case: case.retimed(other_rate, ratio=(0.5, 0.8, 1.25)[case.number(0, 2)]),
    "blinks removed": _no_blinks,
    "gaze frozen": lambda case: case.moved(frozen_gaze(case.motion)),
    "other mouth": lambda case: case.moved(other_mouth(case.motion, case.stranger)),
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

    """

    name: ClassVar[str] = "corrupted"
    frames: int = 17
    size: int = 96
    corruptions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse clips that are too short, and unknown names."""
        if self.frames < LEAST_FRAMES:
            raise PairError(f"corrupted pairs of {self.frames} frames", f"{LEAST_FRAMES} or more")
        for name in self.corruptions:
            if name not in CORRUPTIONS:
                raise PairError(f"the corruption {name!r}", ", ".join(CORRUPTIONS))

    def draw(self, seed: int, kind: str) -> Drawn:
        """Draw a case and the strength of its corruption."""
        names = self.corruptions or tuple(CORRUPTIONS)
        name = names[seed % len(names)]
        edit, other = edit_case(seed, kind, self.frames + 2 * SPARE), torch.Generator()
        stranger = sample_motion(other.manual_seed(seed + 1), self.frames, edit.motion.fps)
        case = Case(edit, self.size, np.random.default_rng([seed, 1]), stranger)
        source, edited, strength = CORRUPTIONS[name](case)
        return Drawn(source, edited, case.edit.motion.fps, {"corruption": name, **strength})
