"""Edit recipes: each turns an identity into the same person with something visibly changed."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch

from synclora_lite.portraits.camera import Camera
from synclora_lite.portraits.identity import (
    BACKGROUND,
    BRIGHT_HAIR,
    BRIGHT_LIPS,
    CLOTHING,
    HAIR,
    SKIN,
    Color,
    Identity,
    between,
    chance,
    pick,
    sample_identity,
)
from synclora_lite.portraits.motion import Motion, sample_motion


def different(color: Color, options: tuple[Color, ...], g: torch.Generator) -> Color:
    """Pick a colour of the palette that is visibly not the given one."""
    far = [c for c in options if sum(abs(a - b) for a, b in zip(c, color, strict=True)) > 0.45]
    return pick(far, g)


def _hat(i: Identity, g: torch.Generator) -> Identity:
    color = different(i.background_top, CLOTHING, g)
    return replace(i, hat=1.0, hat_brim=chance(0.5, g), hat_color=different(color, CLOTHING, g))


def _several(i: Identity, g: torch.Generator) -> Identity:
    for k in torch.randperm(len(EDIT_KINDS) - 1, generator=g)[:3].tolist():
        i = _RECIPES[EDIT_KINDS[k]](i, g)
    return i


_RECIPES: dict[str, Callable[[Identity, torch.Generator], Identity]] = {
    "hair": lambda i, g: replace(
        i,
        hair=1.0,
        hair_color=different(i.hair_color, HAIR + BRIGHT_HAIR, g),
        hair_volume=between(0.08, 0.26, g),
        hair_length=chance(0.5, g) * between(0.4, 1.0, g),
        hair_curl=chance(0.4, g) * between(0.4, 1.0, g),
        hairline=between(-0.62, -0.42, g),
        parting=between(-0.6, 0.6, g),
        hat=0.0,
    ),
    "glasses": lambda i, g: replace(
        i,
        glasses=1.0 - i.glasses,
        glasses_roundness=between(0.1, 1.0, g),
        glasses_color=different(i.skin, CLOTHING, g),
    ),
    "hat": _hat,
    "beard": lambda i, g: replace(i, beard=between(0.7, 0.95, g) if i.beard < 0.1 else 0.0),
    "clothing": lambda i, g: replace(
        i,
        clothing_color=different(i.clothing_color, CLOTHING, g),
        clothing_accent=pick(CLOTHING, g),
        stripes=1.0 - i.stripes,
        neckline=between(0.0, 1.0, g),
    ),
    "skin": lambda i, g: replace(
        i,
        skin=different(i.skin, SKIN, g),
        lip_color=pick(BRIGHT_LIPS, g),
        makeup=between(0.4, 0.8, g),
        makeup_color=pick(BRIGHT_HAIR, g),
        blush=between(0.3, 0.6, g),
    ),
    "background": lambda i, g: replace(
        i,
        background_top=different(i.background_top, BACKGROUND, g),
        background_bottom=different(i.background_bottom, BACKGROUND, g),
        backdrop=between(0.0, 1.0, g),
    ),
    "expression": lambda i, g: replace(i, smile=between(0.6, 0.8, g)),
    "several": _several,
}
EDIT_KINDS = tuple(_RECIPES)


def edit_identity(identity: Identity, kind: str, generator: torch.Generator) -> Identity:
    """Apply one of `EDIT_KINDS`; the result differs visibly and moves in the same way."""
    return _RECIPES[kind](identity, generator)


@dataclass(frozen=True)
class EditCase:
    """One exercise of the exam: a source, its edit, and the motion and camera both share."""

    kind: str
    source: Identity
    edited: Identity
    motion: Motion
    camera: Camera = field(default_factory=Camera)


HELD_OUT = 1 << 31  # seeds from here on are for evaluation; training draws below. A generator
# on the CPU reads 32 bits of its seed, so no larger number would keep the two apart.
_APART = 1_000_003  # first seeds of two exams are so far apart, and no exam has more clips


def edit_case(seed: int, kind: str, frames: int = 17) -> EditCase:
    """Draw one source, edit and motion from a seed."""
    g = torch.Generator().manual_seed(seed)
    source = sample_identity(g)
    return EditCase(kind, source, edit_identity(source, kind, g), sample_motion(g, frames))


def held_out(seed: int, clips: int, frames: int = 17) -> list[EditCase]:
    """Cases that training never draws, of each kind in turn; by seed, number and frames alone."""
    first = HELD_OUT + seed * _APART % (HELD_OUT - _APART)
    return [edit_case(first + k, EDIT_KINDS[k % len(EDIT_KINDS)], frames) for k in range(clips)]
