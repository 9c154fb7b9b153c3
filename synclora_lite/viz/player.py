"""A player that keeps clips on the same frame, in one self-contained piece of HTML.

The clips are panels of *one h264 video*: separate video elements drift apart by a frame or two
while they play, which is exactly the fault this project is about. A player opens at the middle of
its clips, where methods differ: the first frame is given to all of them. Without scripts the
browser's own controls remain, and the poster shows the middle.
"""

import base64
import html
import io
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from synclora_lite.errors import VideoError
from synclora_lite.files import write_atomic
from synclora_lite.video import Clip, write_clip
from synclora_lite.video.clip import Number
from synclora_lite.video.geometry import letterbox_box, resize_picture
from synclora_lite.viz.filmstrip import Frames

_QUALITY = 23  # x264's constant rate factor: smaller is better and larger


@dataclass(frozen=True)
class Player:
    """One or more clips with play, scrub and step controls."""

    html: str  # a fragment that holds the video, and a JPEG of the frame it opens at

    def _repr_html_(self) -> str:
        return self.html

    def save(self, path: str | Path) -> Path:
        """Write a page that holds the player and nothing else."""
        head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Player</title>'
        return write_atomic(path, head + self.html)


def locked_player(
    clips: Mapping[str, Clip | Frames],
    *,
    fps: Number | None = None,
    columns: int = 4,
    height: int = 256,
    alt: str = "",
) -> Player:
    """Put clips beside each other under one play button, each `height` pixels high.

    The shortest clip sets the length, the first `Clip` the frames per second, else they are 12.
    `alt` says what the clips show, in a sentence. Raises VideoError if there is nothing to play.
    """
    panels = [clip.frames if isinstance(clip, Clip) else clip for clip in clips.values()]
    if not panels or any(len(frames) == 0 for frames in panels):
        raise VideoError("nothing to play", "at least one clip with at least one frame")
    rates = [clip.fps for clip in clips.values() if isinstance(clip, Clip)]
    fps, columns = fps or [*rates, 12.0][0], min(columns, len(panels))
    frames = _tile(panels, columns, height)
    with tempfile.TemporaryDirectory() as folder:
        mp4 = write_clip(Path(folder) / "player.mp4", frames, fps, quality=_QUALITY).read_bytes()
    start, jpeg = len(frames) // 2, io.BytesIO()
    Image.fromarray(frames[start]).save(jpeg, format="jpeg", quality=82)
    alt = alt or f"{', '.join(clips)}: {len(frames)} frames, played in step."
    values = {
        "ALT": html.escape(alt), "CAPTIONS": _captions(list(clips), columns),
        "WIDTH": str(frames.shape[2]), "HEIGHT": str(frames.shape[1]), "FPS": f"{fps:.6g}",
        "COUNT": str(len(frames)), "LAST": str(len(frames) - 1), "START": str(start),
        "SHARE": f"{100 / columns:.3f}", "SHAPE": _shape(len(panels), columns),
        "MP4": base64.b64encode(mp4).decode(),
        "POSTER": base64.b64encode(jpeg.getvalue()).decode(),
    }  # fmt: skip
    template = Path(__file__).with_name("player.html").read_text("utf-8")
    return Player(re.sub("@([A-Z0-9]+)@", lambda match: values[match[1]], template))


def _tile(panels: list[Frames], columns: int, height: int) -> Frames:
    """Scale panels into equal cells (width of the widest) and lay them out row by row."""
    height += height % 2
    width = max(round(panel.shape[2] * height / panel.shape[1]) for panel in panels)
    width += width % 2
    length, rows = min(map(len, panels)), -(-len(panels) // columns)
    sheet = np.full((length, rows * height, columns * width, 3), 255, np.uint8)
    for number, panel in enumerate(panels):
        top, left = number // columns * height, number % columns * width
        x0, y0, x1, y1 = letterbox_box(panel.shape[1:3], (height, width))
        cell = sheet[:, top + y0 : top + y1, left + x0 : left + x1]
        for t in range(length):
            cell[t] = resize_picture(panel[t], y1 - y0, x1 - x0)
    return sheet


def _shape(panels: int, columns: int) -> str:
    """Return the CSS shape of all panels, without the empty places of a last row."""
    rows, last = -(-panels // columns), panels % columns
    if not last:
        return "none"
    x, y = 100 * last / columns, 100 * (rows - 1) / rows
    return f"polygon(0 0,100% 0,100% {y:.3f}%,{x:.3f}% {y:.3f}%,{x:.3f}% 100%,0 100%)"


def _captions(labels: list[str], columns: int) -> str:
    """Place the labels; they may go on in a second line after a plus, where a panel is narrow."""
    rows = -(-len(labels) // columns)
    return "".join(
        f'<span style="left:{100 * (k % columns) / columns:.3f}%;'
        f'top:{100 * (k // columns) / rows:.3f}%">'
        f"{html.escape(label).replace('+', '+<wbr>')}</span>"
        for k, label in enumerate(labels)
        if label
    )
