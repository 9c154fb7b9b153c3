"""All metrics of one edited clip: `judge(source, truth, output)`."""

import math

import numpy as np
from jaxtyping import UInt8

from synclora_lite.editing.propagation import edit_retention
from synclora_lite.errors import EditError
from synclora_lite.evaluation.metrics import edit_kept, flicker, identity, psnr, ssim
from synclora_lite.landmarks import Track, track
from synclora_lite.sync import CUES, score_tracks, thresholds

Video = UInt8[np.ndarray, "_ _ _ 3"]


def judge(source: Video, truth: Video, output: Video) -> dict[str, float | None]:
    """Measure an edit against the source it must follow and the truth it should be.

    Against the truth, the same motion rendered with the edit: psnr (dB), ssim, edit_kept, identity,
    flicker. Against the source: those of `synchronization`. Without truth: edit_retention, an
    estimate of edit_kept from source and frame 0 of the output, and face_found, the share of the
    output's frames with a face. A metric is None where there is nothing to measure.

    Raises EditError if the three clips differ in size, or have a single frame.
    """
    sizes = {clip.shape for clip in (source, truth, output)}
    if len(sizes) > 1 or len(source) < 2:
        raise EditError(
            f"clips of shapes {source.shape}, {truth.shape} and {output.shape}",
            "source, truth and output of one shape, at least two frames",
            "trim or resize the output to the source; frame 0 is given, not judged",
        )
    known, wanted = (track(clip) for clip in (source, truth))
    found = track(output, cache=False)
    metrics = {
        "psnr": psnr(truth, output),
        "ssim": ssim(truth, output),
        "edit_kept": edit_kept(source, truth, output),
        "identity": identity(truth, output, (wanted, found)),
        "flicker": flicker(truth, output),
        "edit_retention": edit_retention(source, output[0], output),
        "face_found": found.coverage,
        **synchronization(known, found),
    }
    return {
        name: round(float(value), 6) if math.isfinite(value) else None
        for name, value in metrics.items()
    }


def synchronization(source: Track, output: Track) -> dict[str, float]:
    """Compare the output with its source.

    sync is the mean of the Pearson correlations of all cues that move in the source (a cue that
    cannot be read in the output counts 0), pearson.CUE and lag.CUE are those of each such cue,
    offset the frames by which the clip is late as a whole, with offset_confidence, and in_time 1 if
    that is no frame; blink_f1; sync_error, above 1 of which a pair is rejected, and accepted, 0/1.
    """
    report, itself = score_tracks(source, output), score_tracks(source, source)
    moving = [name for name in CUES if itself.cues[name].judged]  # enough to be judged by
    correlation = {name: report.cues[name].pearson for name in moving}
    pearson = {name: 0.0 if math.isnan(r) else r for name, r in correlation.items()}
    blinks, offset = report.blinks, report.offset
    known = any(cue.judged for cue in report.cues.values())
    late = abs(offset.offset) * offset.confidence > thresholds.OFFSET
    return {
        "sync": float(np.mean(list(pearson.values()))) if moving else math.nan,
        "blink_f1": blinks.f1 if blinks.judged else math.nan,
        "offset": offset.offset if known else math.nan,
        "offset_confidence": offset.confidence if known else math.nan,
        "in_time": float(known and not late) if moving else math.nan,
        "sync_error": report.sync_error,
        "accepted": float(report.accepted),
        **{f"pearson.{name}": value for name, value in pearson.items()},
        **{f"lag.{name}": report.cues[name].lag for name in moving},
    }
