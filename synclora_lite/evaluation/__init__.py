"""Evaluation: metrics of one edit, against the source and against the truth."""

from synclora_lite.evaluation.metrics import (
    edit_kept,
    evaluate_edit,
    flicker,
    psnr,
    ssim,
    synchronization,
)
