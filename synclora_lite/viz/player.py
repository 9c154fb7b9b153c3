"""A player that keeps clips on the same frame, in one self-contained piece of HTML.

The clips are laid out side by side *in one h264 video*. Separate video elements drift apart by a
frame or two while they play, which is exactly the fault this project is about; panels of one
video cannot. A player opens at the middle of its clips, where methods differ: the first frame is
given to all of them. Without scripts the browser's own controls remain, and the poster shows the
middle.
"""

import base64
import html
import io
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from synclora_lite.errors import VideoError
from synclora_lite.files import write_atomic
from synclora_lite.video import Clip, read_clip, write_clip
from synclora_lite.video.clip import Number

Frames = UInt8[np.ndarray, "_ _ _ 3"]
_QUALITY = 23  # x264's constant rate factor: smaller is better and larger


@dataclass(frozen=True)
class Player:
    """One or more clips with play, scrub and step controls.

    `mp4` holds the video, `poster` a JPEG of the frame it opens at, `html` the fragment that
    plays it.
    """

    html: str
    mp4: bytes
    poster: bytes

    def _repr_html_(self) -> str:
        return self.html

    def save(self, path: str | Path) -> Path:
        """Write a page that holds the player and nothing else."""
        head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Player</title>'
        return write_atomic(path, head + self.html)


def locked_player(
    clips: Mapping[str, Clip | Frames | str | Path],
    *,
    fps: Number | None = None,
    columns: int = 4,
    height: int = 256,
    alt: str = "",
    start: int | None = None,
) -> Player:
    """Put clips beside each other under one play button.

    Args:
        clips: Clips by label: a `Clip`, RGB frames, or a video file. The shortest one sets the
            length.
        fps: Frames per second; taken from the first `Clip` or file if left out, else 12.
        columns: Panels in a row.
        height: Height of a panel in pixels, even.
        alt: What the clips show, in a sentence; made from the labels if left empty.
        start: Frame at which it opens; the middle of the clips if left out.

    Raises:
        VideoError: No clip was given, or one of them is empty or unreadable.

    """
    panels, rate = _read(list(clips.values()))
    fps, columns = fps or rate, min(columns, len(panels))
    frames = _tile(panels, columns, height)
    with tempfile.TemporaryDirectory() as folder:
        mp4 = write_clip(Path(folder) / "player.mp4", frames, fps, quality=_QUALITY).read_bytes()
    start = min(len(frames) // 2 if start is None else start, len(frames) - 1)
    jpeg = io.BytesIO()
    Image.fromarray(frames[start]).save(jpeg, format="jpeg", quality=82)
    alt = alt or f"{', '.join(clips)}: {len(frames)} frames, played in step."
    values = {
        "ALT": html.escape(alt), "CAPTIONS": _captions(list(clips), columns),
        "WIDTH": str(frames.shape[2]), "HEIGHT": str(frames.shape[1]), "FPS": f"{fps:.6g}",
        "COUNT": str(len(frames)), "LAST": str(len(frames) - 1), "START": str(start),
        "SHARE": f"{100 / columns:.3f}",
        "MP4": base64.b64encode(mp4).decode(),
        "POSTER": base64.b64encode(jpeg.getvalue()).decode(),
    }  # fmt: skip
    template = Path(__file__).with_name("player.html").read_text("utf-8")
    fragment = re.sub("@([A-Z0-9]+)@", lambda match: values[match[1]], template)
    return Player(fragment, mp4, jpeg.getvalue())


def _read(clips: Sequence[Clip | Frames | str | Path]) -> tuple[list[Frames], Number]:
    """Return the frames of all clips, and the frames per second of the first that says."""
    panels, rates = [], []
    for clip in clips:
        read = read_clip(clip) if isinstance(clip, str | Path) else clip
        if isinstance(read, Clip):
            rates.append(read.fps)
        panels.append(read.frames if isinstance(read, Clip) else read)
    if not panels or any(len(frames) == 0 for frames in panels):
        raise VideoError("nothing to play", "at least one clip with at least one frame")
    return panels, (*rates, 12.0)[0]


def _tile(panels: list[Frames], columns: int, height: int) -> Frames:
    """Scale panels into equal cells (width of the widest) and lay them out row by row."""
    height += height % 2
    width = max(round(panel.shape[2] * height / panel.shape[1]) for panel in panels)
    width += width % 2
    length, rows = min(map(len, panels)), -(-len(panels) // columns)
    sheet = np.full((length, rows * height, columns * width, 3), 255, np.uint8)
    for number, panel in enumerate(panels):
        top, left = number // columns * height, number % columns * width
        scale = min(height / panel.shape[1], width / panel.shape[2])
        size = (round(panel.shape[2] * scale), round(panel.shape[1] * scale))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        inset = left + (width - size[0]) // 2
        for t in range(length):
            picture = cv2.resize(panel[t], size, interpolation=method)
            sheet[t, top : top + size[1], inset : inset + size[0]] = picture
    return sheet


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
