"""The course's own error, in the hierarchy of `synclora_lite.errors`."""

from synclora_lite.errors import SyncLoraError


class CourseError(SyncLoraError):
    """A notebook, exercise or course bundle that cannot be made or checked."""
