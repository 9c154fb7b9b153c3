"""The exam: held-out portraits whose true edit is known, intervals, records and pictures."""

from synclora_course.exam.conditions import CONDITIONS, set_case
from synclora_course.exam.intervals import bootstrap, difference, summarize
from synclora_course.exam.records import (
    exam_table,
    pareto_front,
    plot_grid,
    plot_pareto,
    read_exams,
    record_exam,
)
from synclora_course.exam.running import Exam, render_case, run_exam
