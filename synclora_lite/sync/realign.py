"""Save a pair that is off by a constant number of frames: shift, crop, score again."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from synclora_lite.errors import PairError
from synclora_lite.landmarks import track
from synclora_lite.sync.report import SyncReport
from synclora_lite.sync.score import score_tracks
from synclora_lite.sync.thresholds import OFFSET_CONFIDENCE

Frames = UInt8[np.ndarray, "frames height width 3"]


@dataclass(frozen=True)
class Realigned:
    """A pair after it was shifted.

    Attributes:
        source: The part of the source that remains.
        edited: The part of the edit that remains, of the same length.
        shift: Frames by which the edit was late, 0 if it was left where it was.
        before: The score as found.
        after: The score of what remains.

    """

    source: Frames
    edited: Frames
    shift: int
    before: SyncReport
    after: SyncReport

    @property
    def saved(self) -> bool:
        """Whether a rejected pair is now accepted."""
        return self.after.accepted and not self.before.accepted


def realign(source: Frames, edited: Frames, *, step: int = 8, cache: bool = True) -> Realigned:
    """Estimate a constant offset, take it out, and crop both clips to a legal length.

    Args:
        source: The source clip.
        edited: The edit, late or early as a whole.
        step: Temporal ratio of the video autoencoder: k * step + 1 frames remain.
        cache: As for `track`.

    Raises:
        PairError: Fewer than step + 1 frames would remain.

    """
    tracks = [track(clip, cache=cache) for clip in (source, edited)]
    before = score_tracks(tracks[0], tracks[1])
    shift, mine, theirs = in_time(before, len(source), len(edited), step)
    after = score_tracks(tracks[0][mine], tracks[1][theirs])
    return Realigned(source[mine], edited[theirs], shift, before, after)


def in_time(before: SyncReport, source: int, edited: int, step: int) -> tuple[int, slice, slice]:
    """Return the shift that a score suggests, 0 if it is not sure, and `overlap`'s frames."""
    shift = before.offset.frames if before.offset.confidence >= OFFSET_CONFIDENCE else 0
    return shift, *overlap(source, edited, shift, step)


def overlap(source: int, edited: int, shift: int, step: int) -> tuple[slice, slice]:
    """Return which frames of two clips show the same moments if the edit is late by `shift`.

    Raises:
        PairError: Fewer than step + 1 frames would remain; k * step + 1 do.

    """
    first, second = max(-shift, 0), max(shift, 0)
    common = min(source - first, edited - second)
    if common < step + 1:
        raise PairError(
            f"{common} frames remain after a shift of {shift}",
            f"{step + 1} or more ({step}k + 1)",
            "make the pair with more frames",
        )
    count = (common - 1) // step * step + 1
    return slice(first, first + count), slice(second, second + count)
