"""The quality gate: try seeds until an edit is in sync and keeps its edit, or abstain.

Without the true edited clip, "the edit is kept" is measured against a stand-in: what the edit did
to the first frame, carried along optical flow (`bend_warp`), where the flow can be trusted. Where
the gate stands is measured once per model on clips whose truth is known
(`benchmarks.gating`) and kept beside the weights in `gate.json`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from synclora_lite.editing.baselines import bent_frames
from synclora_lite.editing.edit import Edit, edit_video, measured
from synclora_lite.editing.editor import Editor
from synclora_lite.editing.running import loaded_once
from synclora_lite.errors import EditError
from synclora_lite.files import data_dir, read_json
from synclora_lite.models.folders import weights_digest
from synclora_lite.settings import Settings, build
from synclora_lite.video import Clip

Frames = UInt8[np.ndarray, "frames height width 3"]

FILE = "gate.json"
KIND = (  # what makes an edit one of those that were measured, besides the weights
    "method",
    "detail",
    "steps",
    "register",
    "warm",
    "reference_strength",
    "sync_guidance",
    "temperature",
    "edit_gain",
)
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
        method: Of the edits that it was measured on; the promise is for such edits alone.
        detail: Their output step.
        steps: Their sampling steps.
        register: Whether their first frames were registered.
        warm: Noise level at which they began.
        reference_strength: Weight of their source.
        sync_guidance: Their push towards it.
        temperature: Scale of their noise.
        edit_gain: Most by which an edit was enlarged.
        weights: What `weights_digest` makes of the weights that drew them.

    """

    misfit: float = 1.0
    kept: float = 0.5
    level: float | None = None
    confidence: float | None = None
    method: str | None = None
    detail: str | None = None
    steps: int | None = None
    register: bool | None = None
    warm: float | None = None
    reference_strength: float | None = None
    sync_guidance: float | None = None
    temperature: float | None = None
    edit_gain: float | None = None
    weights: str | None = None

    def promised(self, provenance: Mapping[str, Any]) -> float | None:
        """Return the level if an edit of this provenance is of the kind that was measured."""
        same = all(getattr(self, name) == provenance.get(name) for name in KIND)
        drawn = self.weights == weights_digest(provenance.get("weights", {}))
        return self.level if same and drawn else None


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


def load_gate(model: str | Path | Editor = "lite") -> Gate:
    """Return the calibrated gate of a model folder, or the plain one where there is none.

    Raises:
        ConfigError: `gate.json` holds something else than a gate.

    """
    places = (
        [model.folder]
        if isinstance(model, Editor)
        else [data_dir() / "models" / str(model), Path(model)]
    )
    for folder in places:
        if folder is not None and (folder / FILE).exists():
            gate: Gate = build(Gate, read_json(folder / FILE))
            return gate
    return Gate()


def edit_survival(source: Frames, first_frame: np.ndarray, output: Frames) -> float:
    """Estimate the share of the edit that is still there in frames 1 and later.

    1 - |output - expected| / |source - expected| over the pixels that the edit changed, where
    expected is the `bend_warp` of the source. NaN if the edit changes nothing that can be followed.
    """
    lost, total = 0, 0
    for t, (frame, hidden) in enumerate(bent_frames(source, first_frame)):
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
        gate: What the result must reach; as calibrated for the model if None. Its level holds
            for the first seed: whoever tries many seeds gives bad edits more chances to pass.
        seed: The first seed.
        options: Passed on to `edit_video`.

    Raises:
        EditError: No seed gave an edit that passes; tells what the last one lacked.

    """
    gate = gate or load_gate(options.get("model", "lite"))
    options["model"] = loaded_once(**options)
    reasons: list[str] = []
    for attempt in range(tries):
        edit = edit_video(source, first_frame, seed=seed + attempt, **options)
        edit, reasons = judge_edit(edit, gate, attempt + 1)
        if not reasons:
            return edit
    raise EditError(
        f"none of {tries} seeds passes the gate ({'; '.join(reasons)})",
        "an edit in sync that keeps its edit",
        "try a less drastic edit of the first frame, or another method",
    )
