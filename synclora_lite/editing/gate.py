"""The quality gate: try seeds until an edit is in sync and keeps its edit, or abstain.

Without the true edited clip, "the edit is kept" is measured against a stand-in: the first frame's
change carried along optical flow, where the flow can be trusted.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import UInt8

from synclora_lite.editing.edit import Edit, edit_video, measured
from synclora_lite.editing.flow import flow_to_first, sample
from synclora_lite.errors import EditError
from synclora_lite.video import Clip

Frames = UInt8[np.ndarray, "frames height width 3"]

CHANGED = 24  # grey levels of one channel from which the edit changes a pixel


@dataclass(frozen=True)
class Gate:
    """What an edit must reach.

    Attributes:
        misfit: Largest `SyncReport.misfit`; 1 is the limit of the verdict itself.
        kept: Least share of the edit kept, as `edit_survival` measures it.

    """

    misfit: float = 1.0
    kept: float = 0.5


def edit_survival(source: Frames, first_frame: np.ndarray, output: Frames) -> float:
    """Estimate the share of the edit that is still there in frames 1 and later.

    1 - |output - expected| / |source - expected| over the pixels that the edit changed, where
    expected is the source plus the first frame's change, carried along the flow. NaN if the edit
    changes nothing that can be followed.
    """
    change = first_frame.astype(np.float32) - source[0]
    lost, total = 0.0, 0.0
    for t, (flow, hidden) in enumerate(flow_to_first(source)):
        if t == 0:
            continue
        carried = sample(change, flow)
        where = (np.abs(carried).max(-1) >= CHANGED) & ~hidden
        expected = np.clip(source[t] + carried, 0, 255)
        lost += float(np.abs(output[t] - expected)[where].sum())
        total += float(np.abs(source[t] - expected)[where].sum())
    return 1 - lost / total if total else float("nan")


def judge_edit(edit: Edit, gate: Gate) -> tuple[Edit, list[str]]:
    """Measure an edit and say what keeps it from passing.

    Returns:
        The edit with `sync` and `gate` in its report, and the reasons; none if it passes.

    """
    edit = edit if "sync" in edit.report else measured(edit)
    kept = edit_survival(edit.source.frames, edit.first_frame, edit.clip.frames)
    misfit = edit.report["sync"]["misfit"]
    reasons = []
    if misfit is None or misfit > gate.misfit:
        reasons += edit.report["sync"]["reasons"]
    if kept < gate.kept:
        reasons.append(f"{max(kept, 0):.0%} of the edit is kept; {gate.kept:.0%} were asked for")
    figures = {"misfit": misfit, "kept": None if np.isnan(kept) else round(kept, 4)}
    return replace(edit, report={**edit.report, "gate": figures}), reasons


def edit_gated(
    source: Clip,
    first_frame: np.ndarray,
    *,
    tries: int = 4,
    gate: Gate | None = None,
    seed: int = 0,
    **options: Any,
) -> Edit:
    """Edit with one seed after the other until the result passes.

    Args:
        source: See `edit_video`.
        first_frame: See `edit_video`.
        tries: How many seeds, from `seed` on.
        gate: What the result must reach.
        seed: The first seed.
        options: Passed on to `edit_video`.

    Raises:
        EditError: No seed gave an edit that passes; tells what the last one lacked.

    """
    gate = gate or Gate()
    reasons: list[str] = []
    for attempt in range(tries):
        edit = edit_video(source, first_frame, seed=seed + attempt, **options)
        edit, reasons = judge_edit(edit, gate)
        if not reasons:
            edit.report["gate"]["tries"] = attempt + 1
            return edit
    raise EditError(
        f"none of {tries} seeds passes the gate ({'; '.join(reasons)})",
        "an edit in sync that keeps its edit",
        "try a less drastic edit of the first frame, or another method",
    )
