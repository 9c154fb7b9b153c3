"""Change colours region by region, and put another background behind the person."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.colors import to_rgb

from synclora_lite.editing.first_frame.regions import find_region
from synclora_lite.errors import EditError
from synclora_lite.video.geometry import resize_picture

Image = UInt8[np.ndarray, "height width 3"]
AnyImage = UInt8[np.ndarray, "_ _ 3"]


def parse_colour(colour: str) -> Float[np.ndarray, "3"]:
    """Read a colour name or "#rrggbb" as RGB, 0 to 255.

    Raises:
        EditError: There is no such colour.

    """
    try:
        return 255 * np.array(to_rgb(colour))
    except ValueError as error:
        raise EditError(f"the colour {colour!r}", 'a name such as "teal", or "#rrggbb"') from error


def recolour(picture: Image, region: str, colour: str, strength: float = 1.0) -> Image:
    """Give a region another colour and keep its light and shade.

    Args:
        picture: RGB, one person, rendered or photographed.
        region: "hair", "skin", "lips", "clothes", "background" or "person".
        colour: A name or "#rrggbb".
        strength: 0 changes nothing, 1 takes the new colour over.

    Raises:
        EditError: No face, no such region or colour, or the region is empty.

    """
    mask = find_region(picture, region)
    if mask.max() < 0.5:
        raise EditError(f"no {region} in the picture", f"a person whose {region} can be seen")
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    goal = cv2.cvtColor(
        (parse_colour(colour) / 255).astype(np.float32)[None, None], cv2.COLOR_RGB2LAB
    )
    typical = np.median(lab[mask > 0.5], axis=0)
    new = np.empty_like(lab)
    # lightness keeps its contrast around the new level; chroma fades in highlights and shadows
    light = (lab[..., 0] - typical[0]) * _contrast(float(typical[0]), float(goal[0, 0, 0]))
    new[..., 0] = goal[..., 0] + np.clip(light, -45, 30)
    new[..., 1:] = goal[..., 1:] + 0.35 * (lab[..., 1:] - typical[1:])
    new[..., 0] = np.clip(new[..., 0], 0, 100)
    painted = 255 * np.clip(cv2.cvtColor(new, cv2.COLOR_LAB2RGB), 0, 1)
    return (picture + strength * mask[..., None] * (painted - picture) + 0.5).astype(np.uint8)


def _contrast(old: float, new: float) -> float:
    """Darker colours show less contrast, lighter ones more, within reason."""
    return float(np.clip((new + 15) / (old + 15), 0.6, 1.6))


def replace_background(picture: Image, background: str | AnyImage) -> Image:
    """Put a colour or a picture behind the person.

    Args:
        picture: RGB, one person.
        background: A colour, or a picture that is scaled and cut to fill the frame.

    Raises:
        EditError: No face, or no such colour.

    """
    mask = find_region(picture, "background")[..., None]
    if isinstance(background, str):
        behind = np.broadcast_to(parse_colour(background), picture.shape)
    else:
        behind = _fill(background, picture.shape[0], picture.shape[1]).astype(float)
    return (picture + mask * (behind - picture) + 0.5).astype(np.uint8)


def _fill(background: AnyImage, height: int, width: int) -> AnyImage:
    """Scale a picture until it covers the frame, and cut its middle out."""
    scale = max(height / background.shape[0], width / background.shape[1])
    size = [
        max(n, round(scale * m)) for n, m in zip((height, width), background.shape, strict=False)
    ]
    large = resize_picture(background, *size)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return large[top : top + height, left : left + width]
