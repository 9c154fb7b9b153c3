"""Who is in the picture: everything about a portrait that does not move.

Motion lives in `motion.py`; the two meet only in the renderer, which is what makes exact pairs
possible: the same motion drawn with two identities is a perfectly synchronized pair.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

Color = tuple[float, float, float]
Palette = Sequence[Color]
Rows = dict[str, Float[Tensor, "..."]]  # by name, one for every clip or frame


def _palette(codes: str) -> tuple[Color, ...]:
    return tuple((r / 255, g / 255, b / 255) for r, g, b in map(bytes.fromhex, codes.split()))


SKIN = _palette("f6d7c3 eec1a2 e0a984 c98d68 ab7150 8a5640 6d4433")
HAIR = _palette("241a18 3b2620 5d3a27 8a5a34 c08a48 dcb778 a6432c 8f8d92")
BRIGHT_HAIR = _palette("3f6fb5 c2487e 3d8f74 7a4fa8 d9622b d9d4cf")
IRIS = _palette("4a2f20 6b4a2a 3f6b8f 4d7a55 6f7f8a")
LIPS = _palette("c06a62 b5544f a8474c cf7d74")
BRIGHT_LIPS = _palette("c2213f 8e1f4f d8403a a03a7a")
DARK = _palette("1c1d20")
CLOTHING = _palette("2f4a6d a8443c 3f6b57 d9a441 54406b e4dccb 2b2f36 c9775a 6f94a8")
BACKGROUND = _palette("cfe0e3 f1dcc4 d5dcc5 e6cfd3 b7c9d9 8fb0a9 3a4a5c e9e4da c9b6d3")


def pick(options: Palette, generator: torch.Generator) -> Color:
    """Choose one colour of a palette and vary it a little, so that no two are quite alike."""
    base = options[int(torch.randint(len(options), (), generator=generator))]
    jitter = (torch.rand(3, generator=generator) - 0.5) * 0.06
    return tuple(min(1.0, max(0.0, c + float(j))) for c, j in zip(base, jitter, strict=True))  # type: ignore[return-value]


def between(low: float, high: float, generator: torch.Generator) -> float:
    """Draw one float uniformly from ``[low, high)``."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def chance(probability: float, generator: torch.Generator) -> float:
    """Return 1.0 with the given probability, else 0.0."""
    return float(torch.rand((), generator=generator) < probability)


def _drawn(default: Any, draw: Callable[[torch.Generator], Any]) -> Any:
    return field(default=default, metadata={"draw": draw})


def _color(default: Color, usual: Palette, rare: Palette = (), share: float = 1.0) -> Any:
    """A colour of a palette, or of another one in all but a share of the people."""
    return _drawn(default, lambda g: pick(usual if not rare or chance(share, g) else rare, g))


def _length(default: float, low: float, high: float, share: float = 1.0) -> Any:
    """A number between two bounds, in a share of the people; else 0."""
    return _drawn(default, lambda g: (share == 1 or chance(share, g)) * between(low, high, g))


def _switch(default: float, share: float) -> Any:
    """1 in a share of the people, else 0."""
    return _drawn(default, lambda g: chance(share, g))


# ruff: noqa: RUF009 -- these functions return dataclass fields
@dataclass(frozen=True, kw_only=True)
class Identity:
    """Shape parameters and colours of one portrait, each with how `sample_identity` draws it.

    Lengths are in head units (half the head's height is 1); switches and opacities are in [0, 1];
    colours are RGB in [0, 1].
    """

    skin: Color = _color(SKIN[1], SKIN)
    hair_color: Color = _color(HAIR[2], HAIR, BRIGHT_HAIR, 0.85)
    iris: Color = _color(IRIS[0], IRIS)
    lip_color: Color = _color(LIPS[0], LIPS, BRIGHT_LIPS, 0.8)
    clothing_color: Color = _color(CLOTHING[0], CLOTHING)
    clothing_accent: Color = _color(CLOTHING[5], CLOTHING)
    background_top: Color = _color(BACKGROUND[0], BACKGROUND)
    background_bottom: Color = _color(BACKGROUND[7], BACKGROUND)
    hat_color: Color = _color(CLOTHING[1], CLOTHING)
    glasses_color: Color = _color(CLOTHING[6], CLOTHING)
    earring_color: Color = _color(CLOTHING[3], CLOTHING)
    makeup_color: Color = _color(BRIGHT_HAIR[3], BRIGHT_HAIR)

    face_width: float = _length(0.76, 0.70, 0.82)
    jaw: float = _length(0.35, 0.2, 0.5)
    eye_size: float = _length(0.19, 0.17, 0.205)
    eye_spacing: float = _length(0.335, 0.315, 0.355)
    eye_tilt: float = _length(0.0, -0.12, 0.12)
    brow_thickness: float = _length(0.045, 0.03, 0.06)
    brow_tilt: float = _length(0.0, -0.15, 0.15)
    nose_length: float = _length(0.34, 0.28, 0.38)
    nose_width: float = _length(0.12, 0.10, 0.145)
    mouth_size: float = _length(0.25, 0.22, 0.28)
    lip_fullness: float = _length(0.07, 0.05, 0.09)

    hair: float = _switch(1.0, 0.93)
    hair_volume: float = _length(0.14, 0.06, 0.24)
    hair_length: float = _length(0.0, 0.3, 1.0, share=0.5)
    hair_curl: float = _length(0.0, 0.4, 1.0, share=0.35)
    hairline: float = _length(-0.52, -0.62, -0.42)
    parting: float = _length(0.3, -0.6, 0.6)
    bun: float = _switch(0.0, 0.15)

    beard: float = _length(0.0, 0.5, 0.95, share=0.2)
    blush: float = _length(0.3, 0.1, 0.5)
    makeup: float = _length(0.0, 0.3, 0.8, share=0.2)
    glasses: float = _switch(0.0, 0.2)
    glasses_roundness: float = _length(0.5, 0.2, 1.0)
    hat: float = _switch(0.0, 0.15)
    hat_brim: float = _switch(0.0, 0.5)
    earrings: float = _switch(0.0, 0.25)
    neckline: float = _length(0.0, 0.0, 1.0)
    stripes: float = _switch(0.0, 0.3)
    backdrop: float = _length(0.5, 0.0, 1.0)
    light: float = _length(0.5, -1.0, 1.0)
    smile: float = _length(0.0, -0.1, 0.3)


def sample_identity(generator: torch.Generator) -> Identity:
    """Draw a random person, dressed and lit, with accessories at everyday rates."""
    return Identity(**{f.name: f.metadata["draw"](generator) for f in fields(Identity)})


def stack(identities: Sequence[Identity], device: torch.device | str) -> Rows:
    """Stack identities for the renderer: scalars as ``(n, 1, 1)``, colours as ``(n, 3, 1, 1)``."""
    names = [f.name for f in fields(Identity)]
    columns = {name: torch.tensor([getattr(i, name) for i in identities]) for name in names}
    return {name: column.to(device)[..., None, None] for name, column in columns.items()}
