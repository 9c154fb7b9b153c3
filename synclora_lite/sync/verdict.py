"""One verdict from many measures, with its reasons in words.

Every measure is divided by its limit: 0 is perfect, 1 just passes, and a pair with none above is
accepted. The largest of these ratios is the *sync error*, which the ROC curves use.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Bool

from synclora_lite.sync import thresholds
from synclora_lite.sync.blinks import BlinkScore
from synclora_lite.sync.report import CueScore, GestureScore, OffsetScore, SyncReport
from synclora_lite.sync.traces import HEAD_CUES

Found = Bool[np.ndarray, " frames"]
Checks = Iterator[tuple[str, float, str]]  # name, ratio to the limit, what to say if above 1


def decide(
    *,
    cues: dict[str, CueScore],
    blinks: BlinkScore,
    gestures: dict[str, GestureScore],
    offset: OffsetScore,
    found: tuple[Found, Found],
    remarks: Sequence[str] = (),
) -> SyncReport:
    """Weigh all measures of a pair; see `SyncReport` for the parts. Remarks follow the reasons."""
    judged = any(cue.judged for cue in cues.values())
    checks = [*_faces(found)]
    if judged:
        checks += [*_offset(offset), *_cues(cues), *_blinks(blinks)]
    checks += _gestures(gestures)
    seen = float((found[0] & found[1]).mean())
    if seen >= thresholds.FACE_SEEN and not judged:
        checks += [("motion", math.inf, "no cue moves in the source: nothing to compare")]
    error = max(ratio for _, ratio, _ in checks)
    failed = sorted((check for check in checks if check[1] > 1), key=lambda check: -check[1])
    reasons = [words for *_, words in failed] or [_praise(cues)]
    return SyncReport(
        cues=cues,
        blinks=blinks,
        gestures=gestures,
        offset=offset,
        faces=(float(found[0].mean()), float(found[1].mean())),
        frames=len(found[0]),
        checks={name: ratio for name, ratio, _ in checks},
        verdict="reject" if failed else "accept",
        reasons=[*reasons, *_unseen(found), *remarks],
        weight=seen / (1 + error**4) if judged and math.isfinite(error) else 0.0,
    )


def _faces(found: tuple[Found, Found]) -> Checks:
    frames = len(found[0])
    for name, has, other in (("source", found[0], found[1]), ("edit", found[1], found[0])):
        missing = int((other & ~has).sum())
        words = f"no face in {frames - int(has.sum())} of {frames} frames of the {name}"
        words += "" if (other | has).all() else f", {missing} of which show one in the other clip"
        yield f"face in {name}", missing / frames / thresholds.FACE_MISSING, words
    seen = float((found[0] & found[1]).mean())
    if seen < thresholds.FACE_SEEN:
        words = f"both halves show a face in only {round(seen * frames)} of {frames} frames"
        yield "face in both", 2 - seen / thresholds.FACE_SEEN, words


def _unseen(found: tuple[Found, Found]) -> list[str]:
    """Say which frames nobody could judge."""
    return [
        f"frames {runs(~has)} of the {name} ({int((~has).sum())} of {len(has)}) show no face and "
        "are not judged"
        for name, has in zip(("source", "edit"), found, strict=True)
        if has.any() and not has.all()
    ]


def runs(frames: Found) -> str:
    """Write the chosen frames as ranges: "0-3, 9"."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], frames, [False]]).astype(int)))
    return ", ".join(f"{a}" if b == a + 1 else f"{a}-{b - 1}" for a, b in edges.reshape(-1, 2))


def _offset(offset: OffsetScore) -> Checks:
    late = "late" if offset.offset > 0 else "early"
    words = f"the edit is {_frames(abs(offset.offset))} {late}"
    yield "offset", abs(offset.offset) * offset.confidence / thresholds.OFFSET, words
    if offset.drift_confidence >= thresholds.OFFSET_CONFIDENCE:
        later = "later" if offset.drift > 0 else "earlier"
        words = f"the edit drifts: its second half is {_frames(abs(offset.drift))} {later}"
        ratio = abs(offset.drift) * offset.drift_confidence / thresholds.DRIFT
        yield "drift", ratio, f"{words} than its first"


def _cues(cues: dict[str, CueScore]) -> Checks:
    for name, cue in cues.items():
        limits = thresholds.LIMITS[name]
        if cue.judged:
            yield name, (1 - cue.pearson) / (1 - limits.pearson), _unlike(name, cue)
            words = f"{name} moves {cue.amplitude:.1f} times as much as in the source"
            ratio = abs(_log(cue.amplitude)) / math.log(limits.amplitude)
            yield f"{name} amplitude", ratio, words
        elif not math.isnan(cue.motion[1]):  # does the edit move where the source is still?
            new = math.sqrt(max(cue.motion[1] ** 2 - cue.motion[0] ** 2, 0.0))
            ratio = new / (thresholds.STILL * limits.floor)
            yield f"{name} still", ratio, f"only the edit moves its {name}"
        if limits.distance is not None and not math.isnan(cue.distance):
            unit = "radians" if name in ("yaw", "pitch", "roll") else "eye distances"
            words = f"{name} differs by {cue.distance:.2f} {unit}"
            yield f"{name} place", cue.distance / limits.distance, words
    head = [_log(cues[name].amplitude) for name in HEAD_CUES if cues[name].judged]
    if len(head) >= thresholds.HEAD_CUES_NEEDED:
        mean = sum(head) / len(head)
        words = f"the head moves {math.exp(mean):.1f} times as much as in the source"
        yield "head amplitude", abs(mean) / math.log(thresholds.HEAD_AMPLITUDE), words


def _log(ratio: float) -> float:
    return math.log(max(ratio, 1e-3))


def _blinks(blinks: BlinkScore) -> Checks:
    if blinks.judged:
        count = f"{len(blinks.source)} in the source, {len(blinks.edited)} in the edit"
        words = f"blinks do not match: {count}, F1 {blinks.f1:.2f}"
        yield "blinks", (1 - blinks.f1) / (1 - thresholds.BLINK_F1), words


def _gestures(gestures: dict[str, GestureScore]) -> Checks:
    for name, (median, worst) in thresholds.BODY_DISTANCE.items():
        if (gesture := gestures.get(name)) is None:
            continue
        words = name.replace("_", " ")
        if gesture.judged:
            away = f"{words} {gesture.distance:.2f} shoulder widths away"
            far = f"{words} {gesture.far:.2f} shoulder widths away or more in a fifth of the frames"
            yield name, gesture.distance / median, away
            yield f"{name} far", gesture.far / worst, far
            if gesture.motion >= thresholds.BODY_MOVES:
                ratio = (1 - gesture.pearson) / (1 - thresholds.BODY_PEARSON)
                unlike = f"{words} does not follow the source (r = {gesture.pearson:.2f})"
                yield f"{name} path", ratio, unlike
        if name.endswith("wrist"):  # a hand that only one of the halves shows
            share = max(gesture.alone)
            half = "source" if share == gesture.alone[0] else "edit"
            only = f"only the {half} shows the {words}, in {share:.0%} of the frames"
            yield f"{name} hidden", share / thresholds.HAND_MISSING, only


def _unlike(name: str, cue: CueScore) -> str:
    words = f"{name} does not follow the source (r = {cue.pearson:.2f})"
    if cue.confidence >= thresholds.OFFSET_CONFIDENCE and abs(cue.lag) > thresholds.OFFSET:
        side = "lags" if cue.lag > 0 else "leads"
        words += f" and {side} by {_frames(abs(cue.lag))}"
    return words


def _praise(cues: dict[str, CueScore]) -> str:
    judged = [name for name, cue in cues.items() if cue.judged]
    worst = min(judged, key=lambda name: cues[name].pearson)
    return f"{len(judged)} cues agree, the weakest is {worst} (r = {cues[worst].pearson:.2f})"


def _frames(count: float) -> str:
    return f"{count:.1f} frame" + ("" if round(count, 1) == 1 else "s")
