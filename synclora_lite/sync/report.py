"""What a comparison of two clips found, and how it is written down."""

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from synclora_lite.sync.blinks import BlinkScore
from synclora_lite.sync.correlate import Lag


@dataclass(frozen=True)
class CueScore:
    """One cue of two clips, compared."""

    pearson: float  # of the smoothed traces, frame by frame
    lag: float  # frames by which the edit's trace is late (positive) or early
    confidence: float  # of the lag, 0..1
    motion: tuple[float, float]  # standard deviation of the smoothed traces, source and edit
    amplitude: float  # size of the edit's movement over the source's
    distance: float  # 80th percentile over time of |edit - source|, in the trace's unit
    coverage: float  # share of the frames in which both are known
    judged: bool  # whether the source moves enough, and is seen enough: else nothing counts


@dataclass(frozen=True)
class GestureScore:
    """Where a joint of the body is in the two clips, in shoulder widths of the source."""

    distance: float  # median over the frames
    coverage: float  # share of the frames in which both clips show the joint
    judged: bool  # whether that is enough
    far: float = 0.0  # exceeded in a fifth of the frames: a gesture may differ for a while
    # shares of the frames in which the joint is certainly in the picture of one clip and not in
    # that of the other: source alone, edit alone
    alone: tuple[float, float] = (0.0, 0.0)
    motion: float = 0.0  # standard deviation of the joint's path in the source
    pearson: float = 1.0  # of the two paths, 0 if one of them rests


@dataclass(frozen=True)
class OffsetScore(Lag):
    """How late the edit is as a whole: all judged cues together."""

    drift: float = 0.0  # frames by which the second half of the clip is later than the first
    drift_confidence: float = 0.0  # of the less certain half; 0 when the clip is too short to say


@dataclass(frozen=True)
class SyncReport:
    """The comparison of a source clip and its edit."""

    cues: dict[str, CueScore]  # in the order of `CUES`
    blinks: BlinkScore
    gestures: dict[str, GestureScore]  # by joint
    offset: OffsetScore
    faces: tuple[float, float]  # share of frames with a face in the source and in the edit
    frames: int  # compared
    checks: dict[str, float]  # each measure over its limit: 0 is perfect, above 1 fails
    verdict: str  # "accept" or "reject"
    reasons: list[str]  # why it was rejected, or what was found; then what could not be judged
    # for training: 1 for a pair without fault, 0.5 at the limit, then quickly 0; times the share
    # of frames in which both show a face
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
        """Return plain values of six decimals, None for what is not known (JSON has no NaN)."""
        text = json.dumps(asdict(self) | {"sync_error": self.sync_error})
        return json.loads(
            text, parse_float=lambda number: round(float(number), 6), parse_constant=lambda _: None
        )
