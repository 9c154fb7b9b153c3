"""Draw the cover: one motion, three appearances. ``python -m tools.cover``.

`cover.jpg` is the picture of the README, `hero.mp4` the moving one of the landing page, and
`hero.jpg` what stands there until it plays.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from synclora_lite.files import atomic_path, data_dir
from synclora_lite.portraits import Identity, Motion, render_batch, sample_identity, sample_motion
from synclora_lite.portraits.identity import BRIGHT_HAIR, CLOTHING
from synclora_lite.video import write_clip

COVER_SIDE, COVER_FRAMES = 240, (0, 3, 6, 9, 12, 16)
HERO_SIDE, HERO_FRAMES, HERO_FPS, HERO_QUALITY = 288, 72, 18.0, 27
TURN = 12  # frames in which the end of the loop leads back to its beginning
MOTION_SEED = 21


def people() -> list[Identity]:
    """Return one person, and two edits of her."""
    source = sample_identity(torch.Generator().manual_seed(6))
    source = replace(source, hat=0.0, beard=0.0, glasses=0.0, stripes=0.0)
    return [
        source,
        replace(source, glasses=1.0, glasses_roundness=0.9, hair_color=BRIGHT_HAIR[2]),
        replace(source, hat=1.0, hat_brim=1.0, hat_color=CLOTHING[1], stripes=1.0),
    ]


def looped(motion: Motion) -> Motion:
    """Lead the last frames of a motion back to its first one."""
    back = torch.ones(len(motion.values))
    back[-TURN:] = torch.linspace(1, 0, TURN + 1)[1:]
    values = motion.values[:1] + back[:, None] * (motion.values - motion.values[:1])
    return replace(motion, values=values)


def draw(motion: Motion, side: int) -> UInt8[np.ndarray, "people frames side side 3"]:
    """Render the three with one motion."""
    return render_batch(people(), [motion] * len(people()), side).numpy()


def main() -> None:
    """Render the cover and the hero into data/clips."""
    folder = data_dir() / "clips"
    clips = draw(sample_motion(torch.Generator().manual_seed(MOTION_SEED)), COVER_SIDE)
    rows = [np.concatenate(list(clip[list(COVER_FRAMES)]), 1) for clip in clips]
    _save(folder / "cover.jpg", np.concatenate(rows, 0))
    generator = torch.Generator().manual_seed(MOTION_SEED)
    motion = sample_motion(generator, frames=HERO_FRAMES, fps=HERO_FPS)
    panels = np.concatenate(list(draw(looped(motion), HERO_SIDE)), 2)
    write_clip(folder / "hero.mp4", panels, fps=HERO_FPS, quality=HERO_QUALITY)
    _save(folder / "hero.jpg", panels[0])


def _save(path: Path, picture: np.ndarray) -> None:
    with atomic_path(path) as partial:
        Image.fromarray(picture).save(partial, format="jpeg", quality=85)


if __name__ == "__main__":
    main()
