"""One hierarchy of errors, each of which says what was got, what was expected and what to do."""

import sys
from collections.abc import Callable


class SyncLoraError(Exception):
    """A failure the reader can act on, in one line: what was found, expected, and what to do."""

    def __init__(self, what: str, expected: str = "", advice: str = "") -> None:
        self.what, self.expected, self.advice = what, expected, advice
        parts = (what, expected and f"expected {expected}", advice)
        super().__init__(" ".join("; ".join(filter(None, parts)).splitlines()))

    def __reduce__(self) -> tuple[type["SyncLoraError"], tuple[str, str, str]]:
        """Rebuild from the three parts, so that the error survives a trip between processes."""
        return type(self), (self.what, self.expected, self.advice)


class VideoError(SyncLoraError):
    """A clip or image that cannot be read, written or used."""


class LandmarkError(SyncLoraError):
    """Faces or bodies that cannot be tracked."""


class PairError(SyncLoraError):
    """A training pair or its manifest that is broken."""


class ModelError(SyncLoraError):
    """Weights or model settings that do not fit."""


class TrainingError(SyncLoraError):
    """A training run that cannot start, continue or be trusted."""


class EditError(SyncLoraError):
    """An edit that cannot be made from what was given."""


class ConfigError(SyncLoraError):
    """A configuration file or option that makes no sense."""


class ArtifactError(SyncLoraError):
    """A shipped or produced file that is missing or does not match its record."""


def in_one_line(main: Callable[[], object]) -> None:
    """Run a module's `main`; what its reader can act on is one line, and status 1."""
    try:
        main()
    except SyncLoraError as error:
        sys.exit(f"Error: {error}")
