"""Who is in the picture: everything about a portrait that does not move.

An identity is a frozen record of named shape parameters and colours. Motion lives in
`motion.py`; the two meet only in the renderer, which is what makes exact pairs possible: the
same motion drawn with two identities is a perfectly synchronized pair.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

Color = tuple[float, float, float]


def rgb(code: str) -> Color:
    """Turn a hexadecimal colour such as ``"e8a07c"`` into three floats in [0, 1]."""
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return (red, green, blue)


SKIN = tuple(map(rgb, ("f6d7c3", "eec1a2", "e0a984", "c98d68", "ab7150", "8a5640", "6d4433")))
HAIR = tuple(
    map(rgb, ("241a18", "3b2620", "5d3a27", "8a5a34", "c08a48", "dcb778", "a6432c", "8f8d92"))
)
BRIGHT_HAIR = tuple(map(rgb, ("3f6fb5", "c2487e", "3d8f74", "7a4fa8", "d9622b", "d9d4cf")))
IRIS = tuple(map(rgb, ("4a2f20", "6b4a2a", "3f6b8f", "4d7a55", "6f7f8a")))
LIPS = tuple(map(rgb, ("c06a62", "b5544f", "a8474c", "cf7d74")))
BRIGHT_LIPS = tuple(map(rgb, ("c2213f", "8e1f4f", "d8403a", "a03a7a")))
CLOTHING = tuple(
    map(
        rgb,
        ("2f4a6d", "a8443c", "3f6b57", "d9a441", "54406b", "e4dccb", "2b2f36", "c9775a", "6f94a8"),
    )
)
BACKGROUND = tuple(
    map(
        rgb,
        ("cfe0e3", "f1dcc4", "d5dcc5", "e6cfd3", "b7c9d9", "8fb0a9", "3a4a5c", "e9e4da", "c9b6d3"),
    )
)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Shape parameters and colours of one portrait.

    Lengths are in head units (half the head's height is 1); switches and opacities are in [0, 1];
    colours are RGB in [0, 1].
    """

    skin: Color = SKIN[1]
    hair_color: Color = HAIR[2]
    iris: Color = IRIS[0]
    lip_color: Color = LIPS[0]
    clothing_color: Color = CLOTHING[0]
    clothing_accent: Color = CLOTHING[5]
    background_top: Color = BACKGROUND[0]
    background_bottom: Color = BACKGROUND[7]
    hat_color: Color = CLOTHING[1]
    glasses_color: Color = CLOTHING[6]
    earring_color: Color = CLOTHING[3]
    makeup_color: Color = BRIGHT_HAIR[3]

    face_width: float = 0.76
    jaw: float = 0.35
    eye_size: float = 0.19
    eye_spacing: float = 0.335
    eye_tilt: float = 0.0
    brow_thickness: float = 0.045
    brow_tilt: float = 0.0
    nose_length: float = 0.34
    nose_width: float = 0.12
    mouth_size: float = 0.25
    lip_fullness: float = 0.07

    hair: float = 1.0
    hair_volume: float = 0.14
    hair_length: float = 0.0
    hair_curl: float = 0.0
    hairline: float = -0.52
    parting: float = 0.3
    bun: float = 0.0

    beard: float = 0.0
    blush: float = 0.3
    makeup: float = 0.0
    glasses: float = 0.0
    glasses_roundness: float = 0.5
    hat: float = 0.0
    hat_brim: float = 0.0
    earrings: float = 0.0
    neckline: float = 0.0
    stripes: float = 0.0
    backdrop: float = 0.5
    light: float = 0.5
    smile: float = 0.0


COLOR_FIELDS = tuple(f.name for f in fields(Identity) if f.type == "Color")
SCALAR_FIELDS = tuple(f.name for f in fields(Identity) if f.type != "Color")


def pick(options: Sequence[Color], generator: torch.Generator) -> Color:
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


def sample_identity(generator: torch.Generator) -> Identity:
    """Draw a random person, dressed and lit, with accessories at everyday rates."""
    g = generator
    return Identity(
        skin=pick(SKIN, g),
        hair_color=pick(HAIR if chance(0.85, g) else BRIGHT_HAIR, g),
        iris=pick(IRIS, g),
        lip_color=pick(LIPS if chance(0.8, g) else BRIGHT_LIPS, g),
        clothing_color=pick(CLOTHING, g),
        clothing_accent=pick(CLOTHING, g),
        background_top=pick(BACKGROUND, g),
        background_bottom=pick(BACKGROUND, g),
        hat_color=pick(CLOTHING, g),
        glasses_color=pick(CLOTHING, g),
        earring_color=pick(CLOTHING, g),
        makeup_color=pick(BRIGHT_HAIR, g),
        face_width=between(0.70, 0.82, g),
        jaw=between(0.2, 0.5, g),
        eye_size=between(0.17, 0.205, g),
        eye_spacing=between(0.315, 0.355, g),
        eye_tilt=between(-0.12, 0.12, g),
        brow_thickness=between(0.03, 0.06, g),
        brow_tilt=between(-0.15, 0.15, g),
        nose_length=between(0.28, 0.38, g),
        nose_width=between(0.10, 0.145, g),
        mouth_size=between(0.22, 0.28, g),
        lip_fullness=between(0.05, 0.09, g),
        hair=chance(0.93, g),
        hair_volume=between(0.06, 0.24, g),
        hair_length=chance(0.5, g) * between(0.3, 1.0, g),
        hair_curl=chance(0.35, g) * between(0.4, 1.0, g),
        hairline=between(-0.62, -0.42, g),
        parting=between(-0.6, 0.6, g),
        bun=chance(0.15, g),
        beard=chance(0.2, g) * between(0.5, 0.95, g),
        blush=between(0.1, 0.5, g),
        makeup=chance(0.2, g) * between(0.3, 0.8, g),
        glasses=chance(0.2, g),
        glasses_roundness=between(0.2, 1.0, g),
        hat=chance(0.15, g),
        hat_brim=chance(0.5, g),
        earrings=chance(0.25, g),
        neckline=between(0.0, 1.0, g),
        stripes=chance(0.3, g),
        backdrop=between(0.0, 1.0, g),
        light=between(-1.0, 1.0, g),
        smile=between(-0.1, 0.3, g),
    )


def luminance(color: Color) -> float:
    """Relative brightness of a colour (Rec. 709 weights)."""
    return math.fsum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), color, strict=True))


def stack(
    identities: Sequence[Identity], device: torch.device | str
) -> dict[str, Float[Tensor, "..."]]:
    """Stack identities for the renderer: scalars as ``(n, 1, 1)``, colours as ``(n, 3, 1, 1)``."""
    scalars = torch.tensor([[getattr(i, f) for f in SCALAR_FIELDS] for i in identities])
    colors = torch.tensor([[getattr(i, f) for f in COLOR_FIELDS] for i in identities])
    scalars, colors = scalars.to(device), colors.to(device)
    columns = {name: scalars[:, k, None, None] for k, name in enumerate(SCALAR_FIELDS)}
    return columns | {name: colors[:, k, :, None, None] for k, name in enumerate(COLOR_FIELDS)}
