"""Memory and time of a training or an edit at full size, before anything is loaded."""

from synclora_course.estimate.memory import advice, estimate
from synclora_course.estimate.without_data import Job

__all__ = ["Job", "advice", "estimate"]
