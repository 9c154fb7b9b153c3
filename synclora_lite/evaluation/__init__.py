"""Evaluation: figures for one edit, intervals for many, the exam, and the picture of both."""

from synclora_lite.evaluation.judging import judge, synchronization
from synclora_lite.evaluation.metrics import edit_kept, flicker, psnr, ssim

__all__ = ["edit_kept", "flicker", "judge", "psnr", "ssim", "synchronization"]
