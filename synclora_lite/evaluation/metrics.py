"""How near an edit comes to the true edited clip: pixel by pixel, as a person, and in time.

Frame 0 is given to every method, so the metrics of pixels look at frames 1 and later.
"""

import math

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from skimage.metrics import structural_similarity

from synclora_lite.editing.propagation import CHANGED, edit_retention
from synclora_lite.errors import EditError
from synclora_lite.landmarks import Track, track
from synclora_lite.sync import CUES, score_tracks, thresholds
from synclora_lite.video.clip import Frames

Video = UInt8[np.ndarray, "_ _ _ 3"]  # of any size
ROUNDING = 1 / 12  # mean squared error of rounding to 8 bits: nothing is better than this
SIDE = 48  # pixels of an aligned face
OUTER_EYES = [33, 263]  # Face Mesh: right and left outer corner
EYES_AT = np.array([(0.28, 0.40), (0.72, 0.40)])  # where they go, in parts of the side
STILL = 2  # grey levels up to which a pixel of the truth stands still from frame to frame


def evaluate_edit(source: Video, truth: Video, output: Video) -> dict[str, float | None]:
    """Measure an edit against the source it must follow and the truth it should be.

    Against the truth: psnr (dB), ssim, edit_kept, identity, flicker. Against the source:
    `synchronization`. Without truth: edit_retention, an estimate of edit_kept, and face_found, the
    share of frames with a face. None where there is nothing to measure. Raises EditError if the
    three clips differ in size, or have a single frame.
    """
    sizes = {clip.shape for clip in (source, truth, output)}
    if len(sizes) > 1 or len(source) < 2:
        what = f"clips of shapes {source.shape}, {truth.shape} and {output.shape}"
        expected = "clips of one shape, of at least two frames, for frame 0 is given, not judged"
        raise EditError(what, expected, "trim or resize the output to the source")
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

    sync is the mean Pearson correlation of the cues that move in the source (0 for one that cannot
    be read in the output), pearson.CUE and lag.CUE those of each; offset the frames by which the
    clip is late, with offset_confidence, and in_time 1 if it is not; a pair with a sync_error above
    1 is not accepted (0/1).
    """
    report, itself = score_tracks(source, output), score_tracks(source, source)
    moving = [name for name in CUES if itself.cues[name].judged]  # enough to be judged by
    pearson = {name: float(np.nan_to_num(report.cues[name].pearson)) for name in moving}
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


def psnr(truth: Frames, output: Frames) -> float:
    """Peak signal to noise ratio in dB, the mean over the frames; 58.9 for equal clips."""
    errors = ((output[1:].astype(np.float32) - truth[1:]) ** 2).mean((1, 2, 3))
    return float((10 * np.log10(255**2 / np.maximum(errors, ROUNDING))).mean())


def ssim(truth: Frames, output: Frames) -> float:
    """Structural similarity (Wang et al. 2004, Gaussian window), the mean over the frames."""
    how = {"channel_axis": -1, "data_range": 255, "gaussian_weights": True, "sigma": 1.5}
    pairs = zip(truth[1:], output[1:], strict=True)
    found = [structural_similarity(*p, use_sample_covariance=False, **how) for p in pairs]
    return float(np.mean(found))


def edit_kept(source: Frames, truth: Frames, output: Frames) -> float:
    """Share of the edit that survives: 1 - |output - truth| / |source - truth|, 1 for the truth.

    Both sums run over the pixels that the edit changes (`CHANGED`); NaN if there are none.
    """
    source_, truth_, output_ = (clip[1:].astype(np.int16) for clip in (source, truth, output))
    edit = np.abs(source_ - truth_)
    changed = edit.max(-1) >= CHANGED
    total = edit[changed].sum()
    return 1 - float(np.abs(output_ - truth_)[changed].sum() / total) if total else float("nan")


def flicker(truth: Frames, output: Frames) -> float:
    """Change from frame to frame, in grey levels, where the truth stands still."""
    steps = np.abs(np.diff(output[1:].astype(np.int16), axis=0))
    still = np.abs(np.diff(truth[1:].astype(np.int16), axis=0)).max(-1) <= STILL
    return float(steps[still].mean()) if still.any() else float("nan")


def identity(truth: Frames, output: Frames, tracks: tuple[Track, Track]) -> float:
    """Correlate the resting faces of two clips: near 1 for one person, 0 where one has no face."""
    if not all(found.found.any() for found in tracks):
        return 0.0
    faces = [resting_face(*both) for both in zip((truth, output), tracks, strict=True)]
    first, second = ((face - face.mean()).ravel() for face in faces)
    scale = np.linalg.norm(first) * np.linalg.norm(second)
    return float(first @ second / scale) if scale else 0.0


def resting_face(frames: Frames, known: Track) -> Float[np.ndarray, "side side 3"]:
    """Return the median of a clip's faces, aligned by eye corners: without blinks and words."""
    goal, aligned = EYES_AT @ (1, 1j) * SIDE, []
    for t in np.flatnonzero(known.found):
        start = known.face[t, OUTER_EYES, :2] @ (1, 1j)
        turn = (goal[1] - goal[0]) / (start[1] - start[0])  # a complex number turns and scales
        shift = goal[0] - turn * start[0]
        matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
        how = {"flags": cv2.INTER_AREA, "borderMode": cv2.BORDER_REPLICATE}
        aligned.append(cv2.warpAffine(frames[t], matrix, (SIDE, SIDE), **how))
    return np.median(np.stack(aligned), axis=0).astype(np.float32)
