"""Evaluation: metrics of one edit, intervals for many, the exam, and the picture of both."""

from synclora_lite.evaluation.conditions import CONDITIONS, Challenge, set_case
from synclora_lite.evaluation.exam import Exam, record_exam, render_case, run_exam
from synclora_lite.evaluation.intervals import Interval, bootstrap, difference, summarize
from synclora_lite.evaluation.judging import judge, synchronization
from synclora_lite.evaluation.metrics import edit_kept, flicker, psnr, ssim
from synclora_lite.evaluation.pareto import exam_table, pareto_front, plot_pareto, read_exams
