"""A player that keeps clips on the same frame, in one self-contained piece of HTML.

The clips are laid out side by side *in one h264 video*. Separate video elements drift apart by a
frame or two while they play, which is exactly the fault this project is about; panels of one
video cannot. Without scripts the browser's own controls remain, and the poster shows the first
frame.
"""

import base64
import html
import io
import re
import tempfile
from collections.abc import Mapping
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
_TEMPLATE = Path(__file__).with_name("player.html")


@dataclass(frozen=True)
class Player:
    """One or more clips with play, scrub and step controls.

    `mp4` holds the video, `poster` a JPEG of its first frame, `html` the fragment that plays it.
    """

    html: str
    mp4: bytes
    poster: bytes

    def _repr_html_(self) -> str:
        return self.html

    def save(self, path: str | Path) -> Path:
        """Write a page that holds the player and nothing else."""
        page = (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Player</title>{self.html}'
        )
        return write_atomic(path, page)


def locked_player(
    clips: Mapping[str, Clip | Frames | str | Path],
    *,
    fps: Number | None = None,
    columns: int = 4,
    height: int = 256,
    alt: str = "",
    start: int = 0,
    quality: int = 23,
) -> Player:
    """Put clips beside each other under one play button.

    Args:
        clips: Clips by label: a `Clip`, RGB frames, or a video file. The shortest one sets the
            length.
        fps: Frames per second; taken from the first `Clip` or file if left out, else 12.
        columns: Panels in a row.
        height: Height of a panel in pixels, even.
        alt: What the clips show, in a sentence; made from the labels if left empty.
        start: Frame that the poster shows.
        quality: x264's constant rate factor: smaller is better and larger.

    Raises:
        VideoError: No clip was given, or one of them is empty or unreadable.

    """
    read = {label: _frames_and_rate(clip) for label, clip in clips.items()}
    if not read or any(len(frames) == 0 for frames, _ in read.values()):
        raise VideoError("nothing to play", "at least one clip with at least one frame")
    rates = [rate for _, rate in read.values() if rate]
    fps = fps or (rates[0] if rates else 12.0)
    columns = min(columns, len(read))
    frames = _tile([panel for panel, _ in read.values()], columns, height)
    mp4, poster = _encode(frames, fps, quality), _jpeg(frames[min(start, len(frames) - 1)])
    alt = alt or f"{', '.join(read)}: {len(frames)} frames, played in step."
    return Player(_fill(list(read), frames, fps, columns, mp4, poster, alt), mp4, poster)


def show_clip(clip: Clip | Frames | str | Path, label: str = "", **options: object) -> Player:
    """Show one clip; the same controls and fallbacks as `locked_player`."""
    return locked_player({label: clip}, **options)  # type: ignore[arg-type]


def _frames_and_rate(clip: Clip | Frames | str | Path) -> tuple[Frames, Number | None]:
    """Return a clip's frames and, if it says, its frames per second."""
    if isinstance(clip, str | Path):
        clip = read_clip(clip)
    return (clip, None) if isinstance(clip, np.ndarray) else (clip.frames, clip.fps)


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


def _encode(frames: Frames, fps: Number, quality: int) -> bytes:
    """Compress frames as the bytes of an mp4 file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "player.mp4"
        return write_clip(path, frames, fps=fps, quality=quality).read_bytes()


def _jpeg(image: UInt8[np.ndarray, "height width 3"]) -> bytes:
    """Compress one image."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="jpeg", quality=82)
    return stream.getvalue()


def _breakable(label: str) -> str:
    """Escape a label that may go on in a second line after a plus, where a panel is narrow."""
    return html.escape(label).replace("+", "+<wbr>")


def _fill(
    labels: list[str],
    frames: Frames,
    fps: Number,
    columns: int,
    mp4: bytes,
    poster: bytes,
    alt: str,
) -> str:
    """Write the fragment of HTML around the video."""
    rows = -(-len(labels) // columns)
    captions = "".join(
        f'<span style="left:{100 * (k % columns) / columns:.3f}%;'
        f'top:{100 * (k // columns) / rows:.3f}%">{_breakable(label)}</span>'
        for k, label in enumerate(labels)
        if label
    )
    values = {
        "ALT": html.escape(alt),
        "CAPTIONS": captions,
        "COUNT": str(len(frames)),
        "FPS": f"{fps:.6g}",
        "HEIGHT": str(frames.shape[1]),
        "LAST": str(len(frames) - 1),
        "MP4": base64.b64encode(mp4).decode(),
        "SHARE": f"{100 / columns:.3f}",
        "POSTER": base64.b64encode(poster).decode(),
        "WIDTH": str(frames.shape[2]),
    }
    return re.sub("@([A-Z0-9]+)@", lambda match: values[match[1]], _TEMPLATE.read_text("utf-8"))
