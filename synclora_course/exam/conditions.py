"""How hard the exam is: the conditions under which a case is set.

Simple means that carry the first frame's difference from frame 0 along do very well where it is
exact to the pixel, as only a renderer makes it. Every condition is set with a known truth.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from synclora_course.exam.scenes import more_lively, sample_light, sample_occluder
from synclora_lite import portraits
from synclora_lite.errors import ConfigError
from synclora_lite.portraits import EditCase, Identity, Motion, render_clip
from synclora_lite.video import Clip

CONDITIONS = {
    "exact": "the first frame is frame 0 of the truth",
    "moved": "the head in the first frame is a little off; the truth stays with the source",
    "redrawn": "features and shades come back a little different, in first frame and truth",
    "lively": "the head turns and travels nearly twice as far as in everyday talk",
    "turned": "the head turns so far that sides unseen in frame 0 come into view",
    "occluded": "a hand, a cup or a microphone comes before the face and leaves again",
    "relit": "the light moves, dims and changes its colour through the clip",
    "long": "65 frames instead of 17",
    "real-like": "turned and relit, with a first frame that is moved and redrawn",
}
PARTS = {"real-like": ("turned", "relit", "moved", "redrawn")}
LONG = 65  # frames of a long clip
MOVED = {"yaw": 0.06, "pitch": 0.05, "roll": 0.03, "x": 0.025, "y": 0.025}  # at most, as channels
FEATURES = {  # at most, as fields of `Identity`: about a tenth of the range between people
    "face_width": 0.03,
    "jaw": 0.06,
    "eye_size": 0.012,
    "eye_spacing": 0.012,
    "eye_tilt": 0.05,
    "brow_thickness": 0.006,
    "brow_tilt": 0.06,
    "nose_length": 0.025,
    "nose_width": 0.012,
    "mouth_size": 0.015,
    "lip_fullness": 0.01,
    "light": 0.5,
    "hairline": 0.04,
    "hair_volume": 0.03,
    "parting": 0.1,
}
SHADES = ("skin", "hair_color", "clothing_color", "background_top", "background_bottom")
SHADE = 0.03  # at most, in every channel of 0..1


@dataclass(frozen=True, eq=False)
class Challenge:
    """What a method is given, and the right answer."""

    source: Clip
    first_frame: UInt8[np.ndarray, "size size 3"]  # of the source, edited
    truth: UInt8[np.ndarray, "frames size size 3"]  # the edited clip as it should be


def set_case(
    case: EditCase, condition: str = "exact", *, seed: int = 0, size: int = 96
) -> Challenge:
    """Render a case under one of `CONDITIONS`, whose own randomness has the seed."""
    if condition not in CONDITIONS:
        raise ConfigError(f"no condition named {condition!r}", f"one of {', '.join(CONDITIONS)}")
    generator = torch.Generator().manual_seed(seed)
    parts = PARTS.get(condition, (condition,))
    motion, edited, fps = case.motion, case.edited, case.motion.fps
    frames = LONG if "long" in parts else len(motion)
    if "long" in parts:
        motion = portraits.sample_motion(generator, frames, fps)
    if "turned" in parts:
        motion = portraits.sample_motion(generator, frames, fps, turn=portraits.FAR_TURN)
    if "lively" in parts:
        motion = more_lively(motion)
    camera = case.camera
    if "relit" in parts:
        camera = replace(camera, light=sample_light(generator, frames, fps))
    if "occluded" in parts:
        camera = replace(camera, occluder=sample_occluder(generator, frames))
    if "redrawn" in parts:
        edited = redrawn(edited, generator)
    source, truth = (render_clip(who, motion, size, camera) for who in (case.source, edited))
    first = truth[0]
    if "moved" in parts:
        first = render_clip(edited, moved(motion, generator), size, camera)[0]
    return Challenge(Clip(source, fps), first, truth)


def moved(motion: Motion, generator: torch.Generator) -> Motion:
    """Return frame 0 of a motion with the head a little elsewhere."""
    start = Motion(motion.values[:1], motion.fps)
    shifts = {name: start[name] + off for name, off in _draw(MOVED, generator).items()}
    return start.replace(**shifts)


def redrawn(identity: Identity, generator: torch.Generator) -> Identity:
    """Return nearly the same person: features and shades differ by little."""
    changes: dict[str, Any] = {
        name: getattr(identity, name) + off for name, off in _draw(FEATURES, generator).items()
    }
    for name in SHADES:
        offs = SHADE * (2 * torch.rand(3, generator=generator) - 1)
        changes[name] = tuple((torch.tensor(getattr(identity, name)) + offs).clamp(0, 1).tolist())
    return replace(identity, **changes)


def _draw(largest: Mapping[str, float], generator: torch.Generator) -> dict[str, float]:
    """Draw one offset for each name, evenly between minus and plus the largest."""
    offs = 2 * torch.rand(len(largest), generator=generator) - 1
    return dict(zip(largest, (torch.tensor([*largest.values()]) * offs).tolist(), strict=True))
