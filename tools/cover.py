"""Draw the cover: one motion, three appearances. ``python -m tools.cover``."""

from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from synclora_lite.files import atomic_path, data_dir
from synclora_lite.portraits import render_batch, sample_identity, sample_motion
from synclora_lite.portraits.identity import BRIGHT_HAIR, CLOTHING

SIDE = 240
FRAMES = (0, 3, 6, 9, 12, 16)


def main() -> None:
    """Render three people with one motion and write data/clips/cover.jpg."""
    source = sample_identity(torch.Generator().manual_seed(6))
    source = replace(source, hat=0.0, beard=0.0, glasses=0.0, stripes=0.0)
    people = [
        source,
        replace(source, glasses=1.0, glasses_roundness=0.9, hair_color=BRIGHT_HAIR[2]),
        replace(source, hat=1.0, hat_brim=1.0, hat_color=CLOTHING[1], stripes=1.0),
    ]
    motion = sample_motion(torch.Generator().manual_seed(21))
    clips = render_batch(people, [motion] * len(people), SIDE).numpy()
    picture = np.concatenate([np.concatenate(list(clip[list(FRAMES)]), 1) for clip in clips], 0)
    with atomic_path(data_dir() / "clips" / "cover.jpg") as partial:
        Image.fromarray(picture).save(partial, format="jpeg", quality=88)


if __name__ == "__main__":
    main()
