"""Editing: carry an edited first frame through a clip, by the model or by simpler means."""

from synclora_lite.editing.baselines import bend_warp, copy, flow_warp, residual_warp
from synclora_lite.editing.edit import Edit, edit_video, measured
from synclora_lite.editing.editor import Editor, load_editor
from synclora_lite.editing.gate import Gate, edit_gated, edit_survival
from synclora_lite.editing.methods import METHODS, Method
from synclora_lite.editing.pipeline import SyncLoraOutput, SyncLoraPipeline
from synclora_lite.editing.precheck import Framing, align, compare_framing
from synclora_lite.editing.registration import register
from synclora_lite.editing.sampling import Sampling

__all__ = [
    "METHODS",
    "Edit",
    "Editor",
    "Framing",
    "Gate",
    "Method",
    "Sampling",
    "SyncLoraOutput",
    "SyncLoraPipeline",
    "align",
    "bend_warp",
    "compare_framing",
    "copy",
    "edit_gated",
    "edit_survival",
    "edit_video",
    "flow_warp",
    "load_editor",
    "measured",
    "register",
    "residual_warp",
]
