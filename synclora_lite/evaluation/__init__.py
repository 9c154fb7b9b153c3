"""Evaluation: metrics of one edit, intervals for many, and the exam."""

from synclora_lite.evaluation.conditions import CONDITIONS, set_case
from synclora_lite.evaluation.exam import Exam, render_case, run_exam
from synclora_lite.evaluation.intervals import bootstrap, difference, summarize
from synclora_lite.evaluation.metrics import edit_kept, flicker, judge, psnr, ssim, synchronization
