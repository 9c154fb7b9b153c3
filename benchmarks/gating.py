"""Where the quality gate must stand: ``python -m benchmarks.gating``.

An edit passes the gate if its risk is at most a threshold. The threshold is the largest of a
fixed grid for which, on calibration clips, the share of bad edits among the accepted ones stays
under a stated level with a stated confidence: the upper Clopper-Pearson bound, divided among the
grid (Learn then Test, Angelopoulos et al. 2021, with Bonferroni's correction). What was promised
is then looked at on clips that took no part, the exam's own. Whether an edit is bad is known here,
because portraits are rendered; the gate itself sees no truth.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta

from synclora_lite import artifacts
from synclora_lite.editing.gate import FILE, Gate
from synclora_lite.editing.methods import METHODS
from synclora_lite.errors import in_one_line
from synclora_lite.evaluation.exam import Exam, run_exam
from synclora_lite.evaluation.intervals import Row
from synclora_lite.files import write_json, write_result
from synclora_lite.models.folders import model_folder, weights_digest

SEED = 78  # of the calibration clips: neither the exam's (0) nor the tuning's
BAD_KEPT, BAD_SYNC = 0.5, 0.5  # an edit is bad if the truth says that it reaches less
GRID = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2)
LEVELS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4)
CONFIDENCE = 0.9


@dataclass(frozen=True)
class Promise:
    """What a threshold promises on calibration clips, and what it does on others.

    Attributes:
        level: Largest share of bad edits among accepted ones.
        threshold: Largest risk that passes; None if no threshold can promise the level.
        calibration: Accepted clips and bad ones among them.
        coverage: Share of the test clips that are accepted.
        bad: Share of bad edits among them; None if none is accepted.
        low: Lower end of its 95 % Clopper-Pearson interval.
        high: Upper end.

    """

    level: float
    threshold: float | None
    calibration: tuple[int, int] = (0, 0)
    coverage: float = 0.0
    bad: float | None = None
    low: float = 0.0
    high: float = 1.0


def risk(misfit: float | None, kept: float) -> float:
    """Return how far an edit is from perfect on the worse of the gate's two measures.

    0 is perfect; 1 is the limit of the sync verdict, or half of the edit lost. An edit that
    changes nothing that can be followed (`kept` NaN) is judged by its synchronization alone.
    """
    lost = 0.0 if math.isnan(kept) else 2 * (1 - kept)
    return max(math.inf if misfit is None else misfit, lost)


def gate_of_risk(threshold: float, level: float | None, confidence: float | None) -> Gate:
    """Return the gate that lets a risk up to the threshold pass."""
    return Gate(threshold, 1 - threshold / 2, level, confidence)


def is_bad(row: Row) -> bool:
    """Whether the truth shows that the edit was lost or is out of sync."""
    kept, sync = row.get("edit_kept"), row.get("sync")
    return (kept is not None and kept < BAD_KEPT) or (sync or 0.0) < BAD_SYNC


def upper_bound(bad: int, accepted: int, confidence: float) -> float:
    """Return the one-sided Clopper-Pearson bound on a share."""
    if bad >= accepted:
        return 1.0
    return float(beta.ppf(confidence, bad + 1, accepted - bad))


def share_interval(bad: int, accepted: int, level: float = 0.95) -> tuple[float, float]:
    """Return the two-sided Clopper-Pearson interval of a share."""
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, bad, accepted - bad + 1)) if bad else 0.0
    return low, upper_bound(bad, accepted, 1 - tail)


def find_threshold(rows: Sequence[Row], level: float) -> float | None:
    """Return the largest threshold that keeps the share of bad edits under `level`, if any does."""
    confidence = 1 - (1 - CONFIDENCE) / len(GRID)
    safe = [t for t in GRID if upper_bound(*_count(rows, t)[::-1], confidence) <= level]
    return max(safe, default=None)


def promise(calibration: Sequence[Row], test: Sequence[Row], level: float) -> Promise:
    """Find the threshold for a level, and look at what it does to the test clips."""
    threshold = find_threshold(calibration, level)
    if threshold is None:
        return Promise(level, None)
    accepted, bad = _count(test, threshold)
    low, high = share_interval(bad, accepted) if accepted else (0.0, 1.0)
    return Promise(
        level,
        threshold,
        _count(calibration, threshold),
        coverage=round(accepted / len(test), 4),
        bad=round(bad / accepted, 4) if accepted else None,
        low=round(low, 4),
        high=round(high, 4),
    )


def _count(rows: Sequence[Row], threshold: float) -> tuple[int, int]:
    """Accepted clips, and the bad ones among them."""
    accepted = [row for row in rows if row_risk(row) <= threshold]
    return len(accepted), sum(map(is_bad, accepted))


def row_risk(row: Row) -> float:
    """Return the gate's risk of a judged clip."""
    survival = row.get("survival")
    return risk(row.get("misfit"), float("nan") if survival is None else survival)


def calibrate(
    calibration: Sequence[Row], test: Sequence[Row], level: float
) -> tuple[Gate, dict[str, Any]]:
    """Return the gate for a level, and all that the book shows.

    The gate is the first one on the way to laxer levels that can be promised at all; it carries
    the level that it does promise.
    """
    curve = [promise(calibration, test, one) for one in sorted({*LEVELS, level})]
    kept = next((p for p in curve if p.level >= level and p.threshold is not None), None)
    gate = gate_of_risk(kept.threshold, kept.level, CONFIDENCE) if kept else Gate()  # type: ignore[arg-type]
    risks = {"calibration": calibration, "test": test}
    values = {
        "gate": asdict(gate),
        "asked": level,
        "confidence": CONFIDENCE,
        "bad_is": {"edit_kept_below": BAD_KEPT, "sync_below": BAD_SYNC},
        "curve": [asdict(one) for one in curve],
        "clips": {
            name: [
                {"risk": _finite(row_risk(row)), "bad": is_bad(row), "kind": row["kind"]}
                for row in rows
            ]
            for name, rows in risks.items()
        },
    }
    return gate, values


def _finite(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None


def main() -> None:
    """Calibrate the gate of a model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=64, help="calibration clips")
    parser.add_argument("--test", type=int, default=64, help="clips of the exam to test it on")
    parser.add_argument("--level", type=float, default=0.1, help="share of bad among accepted")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--restoration", default="none")
    parser.add_argument("--register", action="store_true")
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--folder", type=Path, default=Path("runs/exam"))
    wanted = parser.parse_args()
    options: dict[str, Any] = {"model": "lite", "steps": wanted.steps, "adapter": "lite-adapter"}
    if wanted.restoration != "none":
        options["restoration"] = wanted.restoration
    if wanted.register:
        options["register"] = True
    if wanted.strength < 1:
        options["strength"] = wanted.strength
    exams = [Exam("sync-lora", seed=seed, options=options) for seed in (SEED, 0)]
    clips = (wanted.clips, wanted.test)
    rows = [
        run_exam(exam, count, folder=wanted.folder, progress=True)
        for exam, count in zip(exams, clips, strict=True)
    ]
    gate, values = calibrate(rows[0], rows[1], wanted.level)
    measured = {"method": exams[0].method, **METHODS[exams[0].method].options, **exams[0].tuned()}
    asked = ("restoration", "steps", "register", "strength")
    measured |= {name: getattr(wanted, name) for name in asked}
    gate = replace(gate, weights=weights_digest(exams[0].weights()), measured=measured)
    values["gate"] = asdict(gate)
    kept = write_json(model_folder("lite") / FILE, asdict(gate))
    line = f"python -m benchmarks.gating --clips {clips[0]} --test {clips[1]}"
    line += f" --level {wanted.level} --steps {wanted.steps} --restoration {wanted.restoration}"
    line += f" --strength {wanted.strength}" + (" --register" if wanted.register else "")
    artifacts.record([kept], command=line)
    write_result("gate", values, command=line, seed=SEED)


if __name__ == "__main__":
    in_one_line(main)
