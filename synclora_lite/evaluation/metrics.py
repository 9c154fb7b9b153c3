"""How near an edit comes to the true edited clip, pixel by pixel.

Frame 0 is given to every method, so all of these look at frames 1 and later.
"""

import numpy as np
from jaxtyping import UInt8
from skimage.metrics import structural_similarity

from synclora_lite.editing.propagation import CHANGED

Frames = UInt8[np.ndarray, "frames height width 3"]

ROUNDING = 1 / 12  # mean squared error of rounding to 8 bits: nothing is better than this
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
