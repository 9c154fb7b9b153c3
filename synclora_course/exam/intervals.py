"""Means with bootstrap intervals, and summaries of many clips."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from synclora_lite.errors import ConfigError

Row = Mapping[str, Any]
LABELS = ("clip", "kind")  # what a row of the exam holds besides metrics
LEVEL = 0.95  # share of the resampled means that an interval holds
RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A mean over clips and its percentile bootstrap interval."""

    mean: float
    low: float
    high: float
    count: int  # of the clips that have a value

    def __str__(self) -> str:
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}]"


def bootstrap(values: Iterable[float | None], *, seed: int = 0) -> Interval:
    """Return mean and percentile interval (Efron 1979) of the known values; else ConfigError."""
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if not len(known):
        raise ConfigError("no values to average", "at least one clip with a value")
    picks = np.random.default_rng(seed).integers(0, len(known), (RESAMPLES, len(known)))
    means = known[picks].mean(1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(known.mean()), float(low), float(high), len(known))


def difference(first: Sequence[Row], second: Sequence[Row], metric: str) -> Interval:
    """Return the mean paired difference `first` - `second` over the clips both have."""
    others = {row["clip"]: row.get(metric) for row in second}
    pairs = [(row.get(metric), others.get(row["clip"])) for row in first]
    return bootstrap(a - b for a, b in pairs if a is not None and b is not None)


def summarize(rows: Sequence[Row]) -> dict[str, Any]:
    """Summarize an exam: clips, all (metric to interval) and kinds (kind of edit to the same)."""

    def means(some: Sequence[Row]) -> dict[str, dict[str, float]]:
        names = dict.fromkeys(name for row in some for name in row if name not in LABELS)
        columns = {name: [row.get(name) for row in some] for name in names}
        return {
            name: {key: round(value, 6) for key, value in asdict(bootstrap(values)).items()}
            for name, values in columns.items()
            if any(value is not None for value in values)
        }

    kinds = sorted({row["kind"] for row in rows})
    by_kind = {kind: means([row for row in rows if row["kind"] == kind]) for kind in kinds}
    return {"clips": len(rows), "all": means(rows), "kinds": by_kind}
