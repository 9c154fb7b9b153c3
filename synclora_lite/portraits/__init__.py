"""Rendered talking portraits: identity, motion, edits, and the renderer that joins them."""

from synclora_lite.portraits.camera import Camera, Occluder
from synclora_lite.portraits.edits import EDIT_KINDS, EditCase, edit_case, edit_identity, held_out
from synclora_lite.portraits.identity import Identity, sample_identity
from synclora_lite.portraits.motion import CHANNELS, FAR_TURN, Motion, sample_motion
from synclora_lite.portraits.render import render_batch, render_clip
