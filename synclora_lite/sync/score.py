"""Score two clips, how well the edit keeps each movement on its frame; and bring them in time."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from synclora_lite.errors import LandmarkError, PairError
from synclora_lite.landmarks import Track, track, track_file
from synclora_lite.sync import correlate, thresholds
from synclora_lite.sync.blinks import match_blinks
from synclora_lite.sync.correlate import Curve, Trace, combined_lag, evidence_of, smooth
from synclora_lite.sync.gestures import score_gestures
from synclora_lite.sync.report import CueScore, OffsetScore, SyncReport
from synclora_lite.sync.traces import CUES, cue_traces
from synclora_lite.sync.verdict import decide
from synclora_lite.video import Clip, resample, resample_indices

Frames = UInt8[np.ndarray, "_ _ _ 3"]

NAN = float("nan")
TURNS = ("yaw", "pitch")


def score_clips(source: Frames | Clip, edited: Frames | Clip, *, cache: bool = True) -> SyncReport:
    """Compare two clips frame by frame; of different lengths the common first part counts.

    Of several people `Clip.person` is compared, with the one in the same place of the edit. The
    sizes may differ; `cache` and what is raised are `track`'s.
    """
    person = None if isinstance(source, np.ndarray) else source.person
    frames = [clip if isinstance(clip, np.ndarray) else clip.frames for clip in (source, edited)]
    first = track(frames[0], person=person, cache=cache)
    return score_tracks(first, track(frames[1], person=first.place or person, cache=cache))


def score_files(source: str | Path, edited: str | Path, person: int | None = None) -> SyncReport:
    """Score two video files as `score_clips` does; of unequal length at the source's frame rate."""
    first = track_file(source, person=person)
    second = track_file(edited, person=first.place or person)
    if len(first) != len(second) and first.fps and second.fps:
        second = second[resample_indices(len(second), second.fps, first.fps)]
    return score_tracks(first, second)


def same_rate(source: Clip, edited: Clip) -> tuple[Clip, Clip]:
    """Give the edit the source's frame rate, so that equal times meet.

    Clips with the same number of frames belong together frame by frame, whatever rate their files
    claim: an edit written with a default rate is common.
    """
    if len(source) == len(edited):
        return source, replace(edited, fps=source.fps)
    return source, resample(edited, source.fps)


def track_pair(source: Clip, edited: Clip, *, panels: bool = False) -> tuple[Track, Track]:
    """Track two clips as `score_clips` does.

    Raises LandmarkError if one of them shows no face in any frame; of two `panels` of one picture
    both must, because one alone is for the verdict to reject.
    """
    first = track(source.frames, person=source.person)
    second = track(edited.frames, person=first.place or source.person)
    empty = [not each.found.any() for each in (first, second)]
    if all(empty) or (any(empty) and not panels):
        side, clip = ("source", source) if empty[0] else ("edited", edited)
        what = f"no face in any of the {len(clip)} frames of the {side} clip"
        advice = "crop closer to the face with --crop, or choose another clip"
        raise LandmarkError(what, "a clip of a person whose face can be seen", advice)
    return first, second


def score_tracks(source: Track, edited: Track) -> SyncReport:
    """Compare two clips by their landmarks; see `score_clips`."""
    frames = min(len(source), len(edited))
    source, edited = source[:frames], edited[:frames]
    mine, theirs = cue_traces(source), cue_traces(edited)
    max_lag = min(thresholds.MAX_LAG, frames // 3)
    limits = floors(mine["yaw"], theirs["yaw"])
    pairs: dict[str, tuple[Trace, Trace]] = {}
    cues: dict[str, CueScore] = {}
    for name in CUES:
        sigma = thresholds.LIMITS[name].smoothing
        pairs[name] = pair = smooth(mine[name], sigma), smooth(theirs[name], sigma)
        cues[name] = score_cue(*pair, evidence_of(*pair, max_lag), floor=limits[name])
    judged = [pairs[name] for name, score in cues.items() if score.judged]
    return decide(
        cues=cues,
        blinks=match_blinks(mine["blink"], theirs["blink"]),
        gestures=score_gestures(source, edited),
        offset=score_offset(judged, max_lag),
        found=(source.found, edited.found),
        remarks=[
            f"{side.people} people in the {name}: person {side.person} from the left was scored"
            for name, side in (("source", source), ("edit", edited))
            if side.people > 1
        ],
    )


def floors(source_yaw: Trace, edited_yaw: Trace) -> dict[str, float]:
    """Return the movement from which each cue is judged: of heads in profile more of yaw, pitch."""
    known = [np.abs(yaw[~np.isnan(yaw)]) for yaw in (source_yaw, edited_yaw)]
    profile = any(len(yaw) and np.median(yaw) > thresholds.PROFILE for yaw in known)
    return {
        name: limits.floor * (thresholds.PROFILE_FLOOR if profile and name in TURNS else 1.0)
        for name, limits in thresholds.LIMITS.items()
    }


def score_cue(source: Trace, edited: Trace, evidence: Curve, *, floor: float) -> CueScore:
    """Compare one smoothed trace of the two clips; it is judged from `floor`'s movement on."""
    both = correlate.common(source, edited)
    coverage = float(both.mean())
    if coverage < thresholds.FACE_SEEN or both.sum() < correlate.MIN_FRAMES:
        return CueScore(NAN, NAN, NAN, (NAN, NAN), NAN, NAN, coverage, judged=False)
    motion, other = float(source[both].std()), float(edited[both].std())
    lag = correlate.lag_of_evidence(evidence)
    return CueScore(
        pearson=correlate.pearson(source, edited),
        lag=lag.offset,
        confidence=lag.confidence,
        motion=(motion, other),
        amplitude=other / motion if motion > 0 else NAN,
        distance=float(np.percentile(np.abs(source - edited)[both], 80)),
        coverage=coverage,
        judged=motion >= floor,
    )


def score_offset(pairs: list[tuple[Trace, Trace]], max_lag: int) -> OffsetScore:
    """Find the lag of the clip, and of its two halves, from all judged cues together."""
    if not pairs:
        return OffsetScore(0, 0.0, 0.0)
    score = OffsetScore(**vars(combined_lag(pairs, max_lag)))
    half = len(pairs[0][0]) // 2
    if half < thresholds.HALF:
        return score
    first, second = (
        combined_lag([(a[part], b[part]) for a, b in pairs], min(max_lag, half // 3))
        for part in (slice(half), slice(-half, None))
    )
    sure = min(first.confidence, second.confidence)
    return replace(score, drift=second.offset - first.offset, drift_confidence=sure)


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
    """Estimate a constant offset, take it out, and crop both clips as `overlap` does.

    `step` is the temporal ratio of the video autoencoder. Raises PairError if too little remains.
    """
    tracks = [track(clip) for clip in (source, edited)]
    before = score_tracks(*tracks)
    shift, mine, theirs = in_time(before, len(source), len(edited), step)
    after = score_tracks(tracks[0][mine], tracks[1][theirs])
    return Realigned(source[mine], edited[theirs], shift, before, after)


def in_time(before: SyncReport, source: int, edited: int, step: int) -> tuple[int, slice, slice]:
    """Return the shift that a score suggests, 0 if it is not sure, and `overlap`'s frames."""
    shift = before.offset.frames if before.offset.confidence >= thresholds.OFFSET_CONFIDENCE else 0
    return shift, *overlap(source, edited, shift, step)


def overlap(source: int, edited: int, shift: int, step: int) -> tuple[slice, slice]:
    """Return the k step + 1 frames that meet if the edit is `shift` late; PairError if k is 0."""
    first, second = max(-shift, 0), max(shift, 0)
    common = min(source - first, edited - second)
    if common < step + 1:
        what, expected = f"{common} frames remain after a shift of {shift}", f"{step + 1} or more"
        raise PairError(what, f"{expected} ({step}k + 1)", "make the pair with more frames")
    count = (common - 1) // step * step + 1
    return slice(first, first + count), slice(second, second + count)
