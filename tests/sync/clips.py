"""Rendered pairs, and real ones where there are any beside the checkout."""

from pathlib import Path

import torch

from synclora_lite.portraits import (
    Motion,
    edit_identity,
    render_clip,
    sample_identity,
    sample_motion,
)

SPARE = 6  # frames rendered before and after, for faults in time


def make_pair(seed, frames=25, size=128, motion=None):
    """Return source (frames) and edit (frames + 2 SPARE) of one motion, and the motion itself."""
    generator = torch.Generator().manual_seed(seed)
    identity = sample_identity(generator)
    edited = edit_identity(identity, "clothing", generator)
    motion = motion or sample_motion(generator, frames + 2 * SPARE, 12.0)
    inner = Motion(motion.values[SPARE:-SPARE], motion.fps)
    return render_clip(identity, inner, size), render_clip(edited, motion, size), motion


def beside_the_checkout(pattern):
    """List files of folders beside the checkout, where people keep clips of their own."""
    return sorted(Path(__file__).resolve().parents[3].glob(pattern))
