"""The quality gate: try seeds until an edit is in sync and keeps its edit, or abstain.

Without the true edited clip, "the edit is kept" is measured against a stand-in: what the edit did
to the first frame, propagated by deformation, where the flow can be trusted. Where
the gate stands is measured once per model on clips whose truth is known
(`benchmarks.gating`) and kept beside the weights in `gate.json`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from synclora_lite.editing.edit import AS_TUNED, SHIPPED, Edit, edit_video, measured
from synclora_lite.editing.ltx_video import LTXVideo
from synclora_lite.editing.pipeline import ModelSource, SyncLoraPipeline
from synclora_lite.editing.propagation import propagated
from synclora_lite.editing.settings import EditSettings
from synclora_lite.errors import EditError
from synclora_lite.files import read_json
from synclora_lite.models.folders import weights_digest
from synclora_lite.settings import Settings, build
from synclora_lite.video import Clip

Frames = UInt8[np.ndarray, "frames height width 3"]

FILE = "gate.json"
CHANGED = 24  # grey levels of one channel from which the edit changes a pixel


@dataclass(frozen=True)
class Gate(Settings):
    """What an edit must reach.

    Attributes:
        misfit: Largest `SyncReport.misfit`; 1 is the limit of the verdict itself.
        kept: Least share of the edit kept, as `edit_survival` measures it.
        level: Share of bad edits among accepted ones that calibration clips promise not to
            exceed, for the first seed tried; None if that was not measured.
        confidence: Of that promise.
        measured: Method, options and steps of the edits that it was measured on; the promise is
            for such edits alone.
        weights: What `weights_digest` makes of the weights that drew them.

    """

    misfit: float = 1.0
    kept: float = 0.5
    level: float | None = None
    confidence: float | None = None
    measured: dict[str, Any] = field(default_factory=dict)
    weights: str | None = None

    def promised(self, provenance: Mapping[str, Any]) -> float | None:
        """Return the level if an edit of this provenance is of the kind that was measured."""
        same = all(provenance.get(name) == value for name, value in self.measured.items())
        drawn = self.weights == weights_digest(provenance.get("weights", {}))
        return self.level if same and drawn else None


def load_gate(folder: str | Path | None) -> Gate:
    """Return the calibrated gate of a model folder, or the plain one where there is none.

    Raises:
        ConfigError: `gate.json` holds something else than a gate.

    """
    if folder is None or not (Path(folder) / FILE).exists():
        return Gate()
    gate: Gate = build(Gate, read_json(Path(folder) / FILE))
    return gate


def edit_survival(source: Frames, first_frame: np.ndarray, output: Frames) -> float:
    """Estimate the share of the edit that is still there in frames 1 and later.

    1 - |output - expected| / |source - expected| over the pixels that the edit changed, where
    expected is the edit propagated by deformation. NaN if it changes nothing that can be followed.
    """
    lost, total = 0, 0
    for t, (frame, hidden) in enumerate(propagated(source, first_frame, "deformation")):
        if t == 0:
            continue
        expected = frame.astype(np.int16)
        change = np.abs(source[t] - expected)
        where = (change.max(-1) >= CHANGED) & ~hidden
        lost += int(np.abs(output[t] - expected)[where].sum())
        total += int(change[where].sum())
    return 1 - lost / total if total else float("nan")


def judge_edit(edit: Edit, gate: Gate, tries: int = 1) -> tuple[Edit, list[str]]:
    """Measure an edit, the last of so many tries, and say what keeps it from passing.

    Returns:
        The edit with `sync` and `gate` in its report, and the reasons; none if it passes.

    """
    edit = edit if "sync" in edit.report else measured(edit)
    kept = edit_survival(edit.source.frames, edit.first_frame, edit.clip.frames)
    misfit = edit.report["sync"]["misfit"]
    reasons = []
    if misfit is None or misfit > gate.misfit:
        reasons += edit.report["sync"]["reasons"]
        if edit.report["sync"]["verdict"] == "accept":  # those are praise, and the gate is stricter
            reasons = [f"misfit {misfit:.2f}; {gate.misfit:.2f} at most were asked for"]
    if kept < gate.kept:
        reasons.append(f"{max(kept, 0):.0%} of the edit is kept; {gate.kept:.0%} were asked for")
    figures = {
        "misfit": misfit,
        "kept": None if np.isnan(kept) else round(kept, 4),
        "limits": {"misfit": gate.misfit, "kept": gate.kept},
        "level": gate.promised(edit.report["provenance"]) if tries == 1 else None,
        "tries": tries,
    }
    return replace(edit, report={**edit.report, "gate": figures}), reasons


def edit_gated(
    source: Clip,
    first_frame: np.ndarray,
    settings: EditSettings = AS_TUNED,
    pipeline: SyncLoraPipeline | ModelSource = SHIPPED,
    *,
    tries: int = 4,
    gate: Gate | None = None,
) -> Edit:
    """Edit with one seed after the other until the result passes.

    Args:
        source: See `edit_video`.
        first_frame: See `edit_video`.
        settings: See `edit_video`; holds the first seed.
        pipeline: See `edit_video`.
        tries: How many seeds.
        gate: What the result must reach; as calibrated for the model if None. Its level holds
            for the first seed: whoever tries many seeds gives bad edits more chances to pass.

    Raises:
        EditError: No seed gave an edit that passes; tells what the last one lacked.

    """
    if isinstance(pipeline, ModelSource) and settings.chosen().needs_model:
        pipeline = pipeline.load_for(settings)
    if gate is None:
        backend = pipeline.backend if isinstance(pipeline, SyncLoraPipeline) else None
        gate = load_gate(backend.folder if isinstance(backend, LTXVideo) else None)
    reasons: list[str] = []
    for attempt in range(tries):
        trial = replace(settings, seed=settings.seed + attempt)
        edit, reasons = judge_edit(
            edit_video(source, first_frame, trial, pipeline), gate, attempt + 1
        )
        if not reasons:
            return edit
    raise EditError(
        f"none of {tries} seeds passes the gate ({'; '.join(reasons)})",
        "an edit in sync that keeps its edit",
        "try a less drastic edit of the first frame, or another method",
    )
