"""The two sides of a pair: one frame rate for both, and their landmarks."""

from dataclasses import replace
from pathlib import Path

from synclora_lite.errors import LandmarkError
from synclora_lite.landmarks import Track, track
from synclora_lite.sync.report import SyncReport
from synclora_lite.sync.score import score_tracks
from synclora_lite.video import Clip, read_clip, resample, resample_indices


def same_rate(source: Clip, edited: Clip) -> tuple[Clip, Clip]:
    """Give the edit the source's frame rate.

    Clips with the same number of frames belong together frame by frame, whatever rate their files
    claim (an edit written with a default rate is common): only the label is changed. Otherwise
    the edit is resampled, so that equal times meet.
    """
    if len(source) == len(edited):
        return source, replace(edited, fps=source.fps)
    return source, resample(edited, source.fps)


def track_pair(
    pair: tuple[Clip, Clip], *, panels: bool = False, cache: bool = True
) -> tuple[Track, Track]:
    """Track both clips.

    Args:
        pair: Source and edit; of several people the source's `Clip.person`, and the one in the
            same place of the edit.
        panels: They come from one picture: one half without any face is for the verdict to reject.
        cache: As for `track`.

    Raises:
        LandmarkError: One of them (with `panels`: each of them) shows no face in any frame.

    """
    who = pair[0].person
    first = track(pair[0].frames, person=who, cache=cache)
    second = track(pair[1].frames, person=first.place or who, cache=cache)
    empty = [not each.found.any() for each in (first, second)]
    if all(empty) or (any(empty) and not panels):
        side, clip = ("source", pair[0]) if empty[0] else ("edited", pair[1])
        raise LandmarkError(
            f"no face in any of the {len(clip)} frames of the {side} clip",
            "a clip of a person whose face can be seen",
            "crop closer to the face with --crop, or choose another clip",
        )
    return first, second


def score_files(
    source: str | Path,
    edited: str | Path,
    *,
    person: int | None = None,
    cache: bool = True,
) -> SyncReport:
    """Score two video files; landmarks that are kept are not found again.

    Of several people the one with this number from the left is scored, or the one with the largest
    face, and who is in the same place of the edit.

    Raises:
        VideoError: A file cannot be read.
        LandmarkError: The back end cannot be used.

    """
    clips = read_clip(source), read_clip(edited)
    first = track(clips[0].frames, person=person, cache=cache)
    second = track(clips[1].frames, person=first.place or person, cache=cache)
    if len(first) != len(second):
        second = second[resample_indices(len(second), clips[1].fps, clips[0].fps)]
    return score_tracks(first, second)
