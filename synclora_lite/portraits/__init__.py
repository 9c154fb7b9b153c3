"""Rendered talking portraits: identity, motion, edits, and the renderer that joins them."""

from synclora_lite.portraits.edits import (
    EDIT_KINDS,
    EditCase,
    edit_case,
    edit_identity,
    held_out,
)
from synclora_lite.portraits.identity import Identity, sample_identity
from synclora_lite.portraits.motion import CHANNELS, Motion, sample_motion
from synclora_lite.portraits.render import feature_mask, render_batch, render_clip

__all__ = [
    "CHANNELS",
    "EDIT_KINDS",
    "EditCase",
    "Identity",
    "Motion",
    "edit_case",
    "edit_identity",
    "feature_mask",
    "held_out",
    "render_batch",
    "render_clip",
    "sample_identity",
    "sample_motion",
]
