"""The two sides of a pair: one frame rate for both, and their landmarks."""

from dataclasses import replace
from pathlib import Path

from synclora_lite.errors import LandmarkError
from synclora_lite.landmarks import Track, track, track_file
from synclora_lite.sync.report import SyncReport
from synclora_lite.sync.score import score_tracks
from synclora_lite.video import Clip, resample, resample_indices


def same_rate(source: Clip, edited: Clip) -> tuple[Clip, Clip]:
    """Give the edit the source's frame rate.

    Clips with the same number of frames belong together frame by frame, whatever rate their files
    claim (an edit written with a default rate is common): only the label is changed. Otherwise
    the edit is resampled, so that equal times meet.
    """
    if len(source) == len(edited):
        return source, replace(edited, fps=source.fps)
    return source, resample(edited, source.fps)


def track_pair(pair: tuple[Clip, Clip], *, panels: bool = False) -> tuple[Track, Track]:
    """Track source and edit; of several people the source's `Clip.person`, and who is there then.

    Raises LandmarkError if one of them shows no face in any frame; of two `panels` of one picture
    both must, because one alone is for the verdict to reject.
    """
    who = pair[0].person
    first = track(pair[0].frames, person=who)
    second = track(pair[1].frames, person=first.place or who)
    empty = [not each.found.any() for each in (first, second)]
    if all(empty) or (any(empty) and not panels):
        side, clip = ("source", pair[0]) if empty[0] else ("edited", pair[1])
        raise LandmarkError(
            f"no face in any of the {len(clip)} frames of the {side} clip",
            "a clip of a person whose face can be seen",
            "crop closer to the face with --crop, or choose another clip",
        )
    return first, second


def score_files(source: str | Path, edited: str | Path, person: int | None = None) -> SyncReport:
    """Score two video files; files whose landmarks are kept are not decoded again.

    Of several people the one with this number from the left is scored, or the one with the largest
    face, and who is in the same place of the edit. Raises VideoError, LandmarkError.
    """
    first = track_file(source, person=person)
    second = track_file(edited, person=first.place or person)
    if len(first) != len(second) and first.fps and second.fps:
        second = second[resample_indices(len(second), second.fps, first.fps)]
    return score_tracks(first, second)
