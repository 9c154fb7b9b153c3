"""Exercise checks, one module per chapter: each takes the student's function and names mistakes."""

from synclora_lite.checks.framework import Report, check
from synclora_lite.checks.outcome import CheckFailed, Passed

__all__ = ["CheckFailed", "Passed", "Report", "check"]
