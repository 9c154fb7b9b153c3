"""What a comparison of two clips found, and how it is written down."""

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from synclora_lite.sync.blinks import BlinkScore


@dataclass(frozen=True)
class CueScore:
    """One cue of two clips, compared.

    Attributes:
        pearson: Correlation of the smoothed traces, frame by frame.
        lag: Frames by which the edit's trace is late (positive) or early.
        confidence: Of the lag, 0..1.
        motion: Standard deviation over time of the smoothed trace in the source and in the edit.
        amplitude: Size of the edit's movement over the source's.
        distance: 80th percentile over time of |edit - source|, in the trace's unit.
        coverage: Share of the frames in which both are known.
        judged: Whether the source moves enough, and is seen enough, to say anything. If not, the
            numbers are there for the curious and do not count.

    """

    pearson: float
    lag: float
    confidence: float
    motion: tuple[float, float]
    amplitude: float
    distance: float
    coverage: float
    judged: bool


@dataclass(frozen=True)
class GestureScore:
    """Where a joint of the body is in the two clips.

    Attributes:
        distance: Median over the frames, in shoulder widths of the source.
        coverage: Share of the frames in which both clips show the joint.
        judged: Whether that is enough.
        far: Distance that a fifth of the frames exceeds: a gesture may differ for a while.
        alone: Shares of the frames in which the joint is certainly in the picture of the source
            and not in that of the edit, and the other way round.
        motion: How far the joint moves in the source, as a standard deviation.
        pearson: Correlation of the two paths, 0 if one of them rests.

    """

    distance: float
    coverage: float
    judged: bool
    far: float = 0.0
    alone: tuple[float, float] = (0.0, 0.0)
    motion: float = 0.0
    pearson: float = 1.0


@dataclass(frozen=True)
class OffsetScore:
    """How late the edit is as a whole: all judged cues together.

    Attributes:
        frames: Whole frames; positive when the edit is late.
        offset: The same with a fraction.
        confidence: Share of the likelihood, 0..1.
        drift: Frames by which the second half of the clip is later than the first half.
        drift_confidence: Of the less certain half; 0 when the clip is too short to say.

    """

    frames: int
    offset: float
    confidence: float
    drift: float = 0.0
    drift_confidence: float = 0.0


@dataclass(frozen=True)
class SyncReport:
    """The comparison of a source clip and its edit.

    Attributes:
        cues: By name, in the order of `CUES`.
        blinks: As events.
        gestures: By joint.
        offset: Of the clip as a whole.
        faces: Share of frames with a face in the source and in the edit.
        frames: Frames compared.
        checks: By name, each measure over its limit: 0 is perfect, above 1 fails.
        verdict: "accept" or "reject".
        reasons: Why it was rejected, or what was found, in words; then what could not be judged.
        weight: For training, 1 for a pair without fault, 0.5 at the limit, then quickly 0; times
            the share of frames in which both show a face.

    """

    cues: dict[str, CueScore]
    blinks: BlinkScore
    gestures: dict[str, GestureScore]
    offset: OffsetScore
    faces: tuple[float, float]
    frames: int
    checks: dict[str, float]
    verdict: str
    reasons: list[str]
    weight: float

    @property
    def accepted(self) -> bool:
        """Whether the verdict is "accept"."""
        return self.verdict == "accept"

    @property
    def sync_error(self) -> float:
        """The worst check; infinite when nothing could be judged."""
        return max(self.checks.values(), default=math.inf)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, None for what is not known (JSON has no NaN)."""
        plain: dict[str, Any] = _finite(asdict(self) | {"sync_error": self.sync_error})
        return plain

    def to_json(self, indent: int | None = 2) -> str:
        """Return the report as JSON."""
        return json.dumps(self.to_dict(), indent=indent)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
