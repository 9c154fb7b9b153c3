"""Bring two clips onto one time: one frame rate, and no constant offset."""

from dataclasses import dataclass, replace

from synclora_lite.errors import PairError
from synclora_lite.landmarks import track
from synclora_lite.sync.report import SyncReport
from synclora_lite.sync.score import score_tracks
from synclora_lite.sync.thresholds import OFFSET_CONFIDENCE
from synclora_lite.video.clip import Clip, Frames, resample


def same_rate(source: Clip, edited: Clip) -> tuple[Clip, Clip]:
    """Give the edit the source's frame rate.

    Clips with the same number of frames belong together frame by frame, whatever rate their files
    claim (an edit written with a default rate is common): only the label is changed. Otherwise
    the edit is resampled, so that equal times meet.
    """
    if len(source) == len(edited):
        return source, replace(edited, fps=source.fps)
    return source, resample(edited, source.fps)


@dataclass(frozen=True)
class Realigned:
    """What remains of a pair after a shift, both clips of one length, and its scores."""

    source: Frames
    edited: Frames
    shift: int  # frames by which the edit was late, 0 if it was left where it was
    before: SyncReport
    after: SyncReport

    @property
    def saved(self) -> bool:
        """Whether a rejected pair is now accepted."""
        return self.after.accepted and not self.before.accepted


def realign(source: Frames, edited: Frames, *, step: int = 8) -> Realigned:
    """Estimate a constant offset, take it out, and crop both clips to a legal length.

    `step` is the temporal ratio of the video autoencoder: k * step + 1 frames remain. Raises
    PairError if fewer than step + 1 would.
    """
    tracks = [track(clip) for clip in (source, edited)]
    before = score_tracks(*tracks)
    shift, mine, theirs = in_time(before, len(source), len(edited), step)
    after = score_tracks(tracks[0][mine], tracks[1][theirs])
    return Realigned(source[mine], edited[theirs], shift, before, after)


def in_time(before: SyncReport, source: int, edited: int, step: int) -> tuple[int, slice, slice]:
    """Return the shift that a score suggests, 0 if it is not sure, and `overlap`'s frames."""
    shift = before.offset.frames if before.offset.confidence >= OFFSET_CONFIDENCE else 0
    return shift, *overlap(source, edited, shift, step)


def overlap(source: int, edited: int, shift: int, step: int) -> tuple[slice, slice]:
    """Return which frames of two clips show the same moments if the edit is late by `shift`.

    They are k * step + 1; raises PairError if k would be 0.
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
