"""Exercise checks, one module per chapter: each takes the student's function and names mistakes."""

from synclora_course.checks.framework import Report, check
from synclora_course.checks.outcome import CheckFailed, Passed

__all__ = ["CheckFailed", "Passed", "Report", "check"]
