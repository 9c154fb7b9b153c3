"""How near an edit comes to the true edited clip: pixel by pixel, and as a person.

Frame 0 is given to every method, so those of pixels look at frames 1 and later.
"""

import cv2
import numpy as np
from jaxtyping import Float
from skimage.metrics import structural_similarity

from synclora_lite.editing.propagation import CHANGED
from synclora_lite.landmarks import Track
from synclora_lite.video.clip import Frames

ROUNDING = 1 / 12  # mean squared error of rounding to 8 bits: nothing is better than this
SIDE = 48  # pixels of an aligned face
OUTER_EYES = [33, 263]  # Face Mesh: right and left outer corner
EYES_AT = np.array([(0.28, 0.40), (0.72, 0.40)])  # where they go, in parts of the side
STILL = 2  # grey levels up to which a pixel of the truth stands still from frame to frame


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
    """Share of the edit that survives: 1 - |output - truth| / |source - truth|.

    Both sums run over the pixels that the edit changes (`CHANGED`). The truth gives 1, the source
    0, and an output further from the truth than the source is gives less than 0. NaN if the edit
    changes nothing.
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
    """Correlate the resting faces of two clips, -1 to 1; 0 if one of them shows no face.

    Every frame's face is brought to the same place by its eye corners; the median over the clip
    shows the face at rest, without blinks and words. Clips of one person correlate near 1.
    """
    if not all(track.found.any() for track in tracks):
        return 0.0
    faces = [resting_face(clip, track) for clip, track in zip((truth, output), tracks, strict=True)]
    first, second = ((face - face.mean()).ravel() for face in faces)
    scale = np.linalg.norm(first) * np.linalg.norm(second)
    return float(first @ second / scale) if scale else 0.0


def resting_face(frames: Frames, track: Track) -> Float[np.ndarray, "side side 3"]:
    """Return the median of all aligned faces of a clip."""
    goal, aligned = EYES_AT @ (1, 1j) * SIDE, []
    for t in np.flatnonzero(track.found):
        start = track.face[t, OUTER_EYES, :2] @ (1, 1j)
        turn = (goal[1] - goal[0]) / (start[1] - start[0])  # a complex number turns and scales
        shift = goal[0] - turn * start[0]
        matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
        how = {"flags": cv2.INTER_AREA, "borderMode": cv2.BORDER_REPLICATE}
        aligned.append(cv2.warpAffine(frames[t], matrix, (SIDE, SIDE), **how))
    return np.median(np.stack(aligned), axis=0).astype(np.float32)
