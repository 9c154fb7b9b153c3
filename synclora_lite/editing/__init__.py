"""Editing: carry an edited first frame through a clip, by the model or by simpler means."""

from synclora_lite.editing.edit import Edit, edit_video
from synclora_lite.editing.ltx_video import LTXVideo
from synclora_lite.editing.methods import METHODS, FlowPropagation, Method, SDEdit, SyncLora
from synclora_lite.editing.pipeline import ModelSource, SyncLoraOutput, SyncLoraPipeline
from synclora_lite.editing.precheck import Framing, align, compare_framing
from synclora_lite.editing.propagation import edit_retention, propagate, restore
from synclora_lite.editing.settings import EditSettings, edit_settings
