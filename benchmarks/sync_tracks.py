"""Render and track the pairs that the synchronization score is calibrated and measured on.

    python -m benchmarks.sync_tracks FOLDER --pairs 60 --puppets 10 --clips 200

Rendering and tracking take minutes, scoring takes seconds: the landmarks of every clip are kept
in FOLDER, so that `sync_calibration.py` can score them again and again. A run that was stopped
goes on where it was. Limits are set on `--first-seed 0`; the metrics of the book come from the
seeds that no training and no tuning draws (the default).
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed

from synclora_course import corruption
from synclora_course.puppets import PHOTOS, puppet_clip
from synclora_lite.landmarks import Track, track
from synclora_lite.landmarks.cache import load, save
from synclora_lite.portraits import (
    EDIT_KINDS,
    Identity,
    Motion,
    edit_identity,
    render_clip,
    sample_identity,
    sample_motion,
)
from synclora_lite.portraits.edits import HELD_OUT

FRAMES = 33
SPARE = 8  # frames more at both ends of the true edit, for faults in time
SIZE = 128
FPS = 12.0
INNER = slice(SPARE, -SPARE)
Clips = Iterator[tuple[str, Callable[[], np.ndarray]]]


@dataclass
class Case:
    """One exact pair with room around it; half of them are edits, half are two strangers."""

    seed: int
    source: Identity = field(init=False)
    edited: Identity = field(init=False)

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(self.seed)
        self.source = sample_identity(generator)
        other = sample_identity(generator)
        recipe = edit_identity(self.source, EDIT_KINDS[self.seed % len(EDIT_KINDS)], generator)
        self.edited = recipe if self.seed % 2 else other
        self.long = lively_motion(generator, FRAMES + 2 * SPARE)
        self.stranger = inner(lively_motion(generator, FRAMES + 2 * SPARE))

    @property
    def motion(self) -> Motion:
        """The motion of the clip itself."""
        return inner(self.long)

    def clips(self) -> Clips:
        """Name every clip of this case, and how it is drawn."""
        yield "source", lambda: render_clip(self.source, self.motion, SIZE)
        yield "edited, long", lambda: render_clip(self.edited, self.long, SIZE)
        yield "face lost", self.face_lost
        motions = {
            "blink removed": corruption.without_blinks(self.motion),
            "gaze frozen": corruption.frozen_gaze(self.motion),
            "other mouth": corruption.other_mouth(self.motion, self.stranger),
            "pose scaled": corruption.scaled_pose(self.motion, (0.4, 1.8)[self.seed // 2 % 2]),
        }
        for name, motion in motions.items():
            yield name, partial(render_clip, self.edited, motion, SIZE)

    def face_lost(self) -> np.ndarray:
        """Render the edit with nobody in a quarter of its frames."""
        length = FRAMES // 4
        first = 1 + self.seed % (FRAMES - length - 1)
        return corruption.face_lost(
            render_clip(self.edited, self.motion, SIZE), first, first + length
        )


@dataclass(frozen=True)
class PuppetCase:
    """Two photos moved by one motion."""

    photo: str
    seed: int

    def clips(self) -> Clips:
        """Name the two clips."""
        long = lively_motion(torch.Generator().manual_seed(self.seed), FRAMES + 2 * SPARE)
        other = PHOTOS[(PHOTOS.index(self.photo) + 1) % len(PHOTOS)]
        yield "source", lambda: puppet_clip(self.photo, inner(long))
        yield "edited, long", lambda: puppet_clip(other, long)


@dataclass(frozen=True)
class PlainCase:
    """An exact pair of two strangers; nothing is chosen, the motion is as it is drawn."""

    seed: int

    def clips(self) -> Clips:
        """Name the two clips."""
        generator = torch.Generator().manual_seed(self.seed)
        people = [sample_identity(generator) for _ in range(2)]
        motion = sample_motion(generator, FRAMES, FPS)
        yield "source", lambda: render_clip(people[0], motion, SIZE)
        yield "edited", lambda: render_clip(people[1], motion, SIZE)


def inner(motion: Motion) -> Motion:
    """Cut the spare frames off."""
    return Motion(motion.values[INNER], motion.fps)


def lively_motion(generator: torch.Generator, frames: int) -> Motion:
    """Draw motions until one blinks, speaks and looks about, so that every fault can be seen."""
    while True:
        motion = sample_motion(generator, frames, FPS)
        part = inner(motion)
        blinks = float(part["blink_left"][2:-2].max()) > 0.9
        if blinks and part["mouth_open"].std() > 0.15 and part["gaze_x"].std() > 0.25:
            return motion


def keep(
    folder: Path,
    case: Case | PuppetCase | PlainCase,
) -> None:
    """Track the clips of a case that are not in the folder yet."""
    torch.set_num_threads(1)
    for name, draw in case.clips():
        path = folder / f"{name}.safetensors"
        if not path.exists():
            save(path, track(draw(), cache=False))


def read(folder: Path) -> dict[str, Track]:
    """Read the landmarks of a case by the names of its clips."""
    found = {path.stem: load(path) for path in sorted(folder.glob("*.safetensors"))}
    return {name: entry for name, entry in found.items() if entry is not None}


def main() -> None:
    """Track everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=60, help="pairs with every fault")
    parser.add_argument("--puppets", type=int, default=10, help="motions of each photo")
    parser.add_argument("--clips", type=int, default=200, help="pairs for the verdicts alone")
    parser.add_argument("--first-seed", type=int, default=HELD_OUT)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    seed, folder = args.first_seed, args.folder
    work: list[tuple[Path, Case | PuppetCase | PlainCase]] = [
        (folder / f"pair-{k:03d}", Case(seed + k)) for k in range(args.pairs)
    ]
    work += [
        (folder / f"puppet-{k:03d}-{photo}", PuppetCase(photo, seed + 10_000 + k))
        for photo in PHOTOS
        for k in range(args.puppets)
    ]
    work += [(folder / f"plain-{k:03d}", PlainCase(seed + 20_000 + k)) for k in range(args.clips)]
    tracked = (delayed(keep)(place, case) for place, case in work)
    Parallel(n_jobs=args.jobs)(tracked)
    print(f"{len(work)} cases in {folder}")


if __name__ == "__main__":
    main()
