"""Two-panel clips, the form in which training pairs are generated and published."""

from pathlib import Path

from synclora_lite.video.clip import Clip
from synclora_lite.video.geometry import crop
from synclora_lite.video.reading import read_clip


def side_by_side(source: Clip | str | Path) -> tuple[Clip, Clip]:
    """Split a two-panel clip into its left and right halves (a middle odd column is dropped).

    The pairs of arXiv 2512.03013 are generated this way: 960x480, two panels of 480x480.

    Raises:
        VideoError: The file cannot be read, or a half would be narrower than 16 pixels.

    """
    clip = source if isinstance(source, Clip) else read_clip(source)
    height, width = clip.size
    half = width // 2
    return crop(clip, (0, 0, half, height)), crop(clip, (width - half, 0, width, height))
