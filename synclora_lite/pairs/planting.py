"""Which faults there are, how strong each is drawn, and where in the pair it is planted."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, UInt8

from synclora_lite.pairs import faults
from synclora_lite.portraits import EditCase, Identity, Motion, render_clip, sample_motion

Frames = UInt8[np.ndarray, "frames height width 3"]
Strength = dict[str, Any]
Planted = tuple[Frames, Frames, Strength]
LEAST_FRAMES = 4  # frames are dropped or repeated from frame 2 to the middle of the clip
SPARE = 8  # frames rendered before and after the clip, for faults in time


@dataclass
class Case:
    """One exact pair about to be spoiled.

    Attributes:
        edit: Source, edit and a motion with SPARE more frames at both ends.
        size: In pixels.
        seed: Of the strength of the fault.

    """

    edit: EditCase
    size: int
    seed: int
    random: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng([self.seed, 1])

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self.edit.motion.fps

    @property
    def motion(self) -> Motion:
        """The motion of the clip itself."""
        return Motion(self.edit.motion.values[SPARE:-SPARE], self.fps)

    @property
    def frames(self) -> int:
        """Length of the clip."""
        return len(self.edit.motion) - 2 * SPARE

    def source(self) -> Frames:
        """Render the source."""
        return self.render(self.edit.source, self.motion)

    def edited(self, motion: Motion | None = None) -> Frames:
        """Render the edit, with its own motion or another."""
        return self.render(self.edit.edited, motion or self.motion)

    def render(self, who: Identity, motion: Motion) -> Frames:
        """Render anyone."""
        return render_clip(who, motion, self.size)

    def retimed(self, times: Int[np.ndarray, " frames"]) -> Frames:
        """Render the edit with a map of frames (`faults.late` ...); the spare ones are the ends."""
        rows = np.clip(times + SPARE, 0, len(self.edit.motion) - 1)
        values = self.edit.motion.values[torch.from_numpy(rows)]
        return self.edited(Motion(values, self.fps))

    def stranger(self) -> Motion:
        """Draw another motion of the same length."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        return sample_motion(generator, self.frames, self.fps)

    def number(self, low: int, high: int) -> int:
        """Draw a whole number in low..high."""
        return int(self.random.integers(low, high + 1))

    def window(self, share: float) -> tuple[int, int]:
        """Draw a stretch of frames that is `share` of the clip, after frame 0."""
        length = max(1, round(share * self.frames))
        first = self.number(1, self.frames - length)
        return first, first + length


def _shift(case: Case) -> Planted:
    by = case.number(1, 5) * (1 if case.random.random() < 0.5 else -1)
    return case.source(), case.retimed(faults.late(case.frames, by)), {"by": by}


def _drift(case: Case) -> Planted:
    by = case.number(3, 6)
    return case.source(), case.retimed(faults.drifting(case.frames, by)), {"by": by}


def _dropped(case: Case) -> Planted:
    at, count = case.number(2, case.frames // 2), case.number(2, 4)
    times = faults.dropped(case.frames, at, count)
    return case.source(), case.retimed(times), {"at": at, "count": count}


def _repeated(case: Case) -> Planted:
    at, count = case.number(2, case.frames // 2), case.number(2, 4)
    times = faults.repeated(case.frames, at, count)
    return case.source(), case.retimed(times), {"at": at, "count": count}


def _rate(case: Case) -> Planted:
    ratio = (0.5, 0.8, 1.25)[case.number(0, 2)]
    return case.source(), case.retimed(faults.other_rate(case.frames, ratio)), {"ratio": ratio}


def _no_blinks(case: Case) -> Planted:
    blinks = bool((case.motion["blink_left"] > 0.5).any())  # else there is nothing to remove
    return case.source(), case.edited(faults.without_blinks(case.motion)), {"blinks": blinks}


def _gaze(case: Case) -> Planted:
    return case.source(), case.edited(faults.frozen_gaze(case.motion)), {}


def _mouth(case: Case) -> Planted:
    return case.source(), case.edited(faults.other_mouth(case.motion, case.stranger())), {}


def _pose(case: Case) -> Planted:
    factor = (0.0, 0.3, 1.8)[case.number(0, 2)]
    return case.source(), case.edited(faults.scaled_pose(case.motion, factor)), {"factor": factor}


def _occlusion(case: Case) -> Planted:
    first, last = case.window(0.4)
    colour = (case.number(0, 255), case.number(0, 255), case.number(0, 255))
    hidden = faults.occluded(case.edited(), first, last, colour)
    return case.source(), hidden, {"first": first, "last": last}


def _face_lost(case: Case) -> Planted:
    first, last = case.window(0.4)
    lost = faults.face_lost(case.edited(), first, last)
    return case.source(), lost, {"first": first, "last": last}


def _cut(case: Case) -> Planted:
    at = case.number(case.frames // 4, case.frames // 2)
    return case.source(), faults.cut(case.edited(), case.edited(case.stranger()), at), {"at": at}


def _swap(case: Case) -> Planted:
    at = case.number(case.frames // 4, case.frames // 2)
    return *faults.swapped(case.source(), case.edited(), at), {"at": at}


FAULTS: dict[str, Callable[[Case], Planted]] = {
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
