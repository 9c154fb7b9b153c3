"""What the lite model is trained on: the people of an exam, filmed in different scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from synclora_course.exam.scenes import more_lively, sample_light, sample_occluder
from synclora_lite.portraits import (
    FAR_TURN,
    Camera,
    EditCase,
    Motion,
    edit_case,
    sample_motion,
)
from synclora_lite.portraits.identity import between, chance
from synclora_lite.portraits.motion import CHANNELS, TURN
from synclora_lite.portraits.scene import surface_coordinates

SCENES = {  # share of training, turn, relit, occluded, lively
    "plain": (0.35, TURN, False, False, False),
    "turned": (0.17, FAR_TURN, False, False, False),
    "occluded": (0.12, TURN, False, True, False),
    "relit": (0.12, TURN, True, False, False),
    "lively": (0.08, TURN, False, False, True),
    "combined": (0.16, FAR_TURN, True, True, True),
}


def scene_case(seed: int, kind: str, frames: int = 17) -> EditCase:
    """Draw a case for training: the people of `edit_case`, filmed in one of SCENES.

    In a combined scene light, occluder and liveliness each come with half the chance.
    """
    case = edit_case(seed, kind, frames)
    g = torch.Generator().manual_seed(seed ^ 0x5CE9E)  # below HELD_OUT as the seed is
    shares = torch.tensor([share for share, *_ in SCENES.values()])
    name = list(SCENES)[int(torch.multinomial(shares, 1, generator=g))]
    _, turn, relit, occluded, lively = SCENES[name]
    if name == "combined":
        relit, occluded, lively = (bool(chance(0.5, g)) for _ in range(3))
    motion = case.motion if turn == TURN else sample_motion(g, frames, turn=turn)
    motion = more_lively(motion) if lively and turn == TURN else motion
    blur = between(0.7, 0.9, g)
    light = sample_light(g, frames, motion.fps) if relit else None
    occluder = sample_occluder(g, frames) if occluded else None
    return replace(case, motion=motion, camera=Camera(blur, light=light, occluder=occluder))


@torch.no_grad()
def feature_mask(
    motions: Sequence[Motion], size: int = 128, device: torch.device | str = "cpu"
) -> Float[Tensor, "clips frames size size"]:
    """Where the eyes and the mouth are: 1 on them, 0 elsewhere, soft in between.

    A fraction of the pixels carries nearly all of the synchronization; losses weigh them up.
    """
    axis = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    masks = []
    for motion in motions:
        values = motion.values.to(device)
        m = {name: values[:, k, None, None] for k, name in enumerate(CHANNELS)}
        x, y = surface_coordinates(axis.view(1, 1, size), axis.view(1, size, 1), m)
        eyes = ((x.abs() - 0.335) / 0.30) ** 2 + ((y + 0.12) / 0.22) ** 2
        mouth = (x / 0.38) ** 2 + ((y - 0.54) / 0.26) ** 2
        masks.append((2 - torch.minimum(eyes, mouth)).clamp(0, 1))
    return torch.stack(masks)
