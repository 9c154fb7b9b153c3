"""Several people in one clip: who there is, and one of them without the others.

MediaPipe's meshes are asked for one face. Which one they take, and whether they keep to it, is
chance; so faces are detected first, linked over time, and all but one are hidden.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from synclora_lite.errors import LandmarkError
from synclora_lite.video.clip import Frames

Box = tuple[float, float, float, float]  # x, y, width and height in parts of the frame
Place = tuple[float, float]  # x and y in parts of the frame

LOOKS = 8  # frames in which faces are counted before all are looked at
SEEN = 0.25  # share of the frames in which a person must be seen
SMALL = 0.3  # of the largest face's width: smaller ones are passers-by and pictures on a wall


@dataclass(frozen=True)
class Person:
    """Where one face is: x, y, width and height in parts of the frame, NaN where not detected."""

    boxes: Float[np.ndarray, "frames 4"]

    @property
    def seen(self) -> Int[np.ndarray, " seen"]:
        """The frames in which it was detected."""
        return np.flatnonzero(~np.isnan(self.boxes[:, 0]))

    @property
    def width(self) -> float:
        """The usual width of the face."""
        return float(np.nanmedian(self.boxes[:, 2]))

    @property
    def place(self) -> Place:
        """The middle of the face where it is first seen."""
        x, y, width, height = self.boxes[self.seen[0]]
        return float(x + width / 2), float(y + height / 2)

    @property
    def filled(self) -> Float[np.ndarray, "frames 4"]:
        """The boxes, with straight lines in between where it was not detected."""
        times, known = np.arange(len(self.boxes)), self.boxes[self.seen].T
        return np.stack([np.interp(times, self.seen, row) for row in known], axis=1)


def find_people(frames: Frames, detect: Callable[[Frames], list[list[Box]]]) -> list[Person]:
    """Return who is seen for a good part of the clip, from left to right; nobody who is alone."""
    looks = np.unique(np.linspace(0, len(frames) - 1, LOOKS).astype(int))
    counts = [len(faces) for faces in detect(frames[looks])]
    if sum(count > 1 for count in counts) < min(2, len(looks)):
        return []
    tracks: list[dict[int, Box]] = []
    for t, faces in enumerate(detect(frames)):
        free = list(tracks)
        for face in sorted(faces, key=lambda face: -face[2]):
            near = min(free, key=lambda track: _distance(track, face), default=None)
            if near is None or _distance(near, face) > 1:
                tracks.append({t: face})
            else:
                free.remove(near)
                near[t] = face
    absent = (np.nan,) * 4
    people = [Person(np.array([t.get(n, absent) for n in range(len(frames))])) for t in tracks]
    least = SMALL * max((person.width for person in people), default=0.0)
    people = [p for p in people if p.width >= least and len(p.seen) >= SEEN * len(frames)]
    return sorted(people, key=lambda person: np.nanmedian(person.boxes[:, 0]))


def _distance(track: dict[int, Box], face: Box) -> float:
    """How many widths a face is from where it was last seen."""
    last = track[max(track)]
    return float(np.hypot(last[0] - face[0], last[1] - face[1]) / max(last[2], face[2]))


def choose(people: list[Person], who: int | Place | None) -> int:
    """Return the index of a person: by number from the left, by place, or the largest.

    Nobody in the list means one, who is alone. Raises LandmarkError if there are not so many.
    """
    if isinstance(who, int):
        if not 1 <= who <= max(1, len(people)):
            what = f"person {who} of {max(1, len(people))}"
            raise LandmarkError(what, "a number from the left")
        return who - 1
    if not people:
        return 0
    if who is None:
        return int(np.argmax([person.width for person in people]))
    return int(np.argmin([np.hypot(*np.subtract(p.place, who)) for p in people]))


def alone(
    frames: Frames, people: list[Person], chosen: int
) -> tuple[UInt8[np.ndarray, "frames part_height part_width 3"], tuple[int, int]]:
    """Cut one person out, with the faces of others blurred, and say where the corner was."""
    height, width = frames.shape[1:3]
    paths = [person.filled * (width, height, width, height) for person in people]
    x, y, w, h = paths[chosen].T
    x0, y0 = max(0, int((x - 1.5 * w).min())), max(0, int((y - h).min()))
    x1, y1 = min(width, int((x + 2.5 * w).max())), min(height, int((y + 5 * h).max()))
    part = frames[:, y0:y1, x0:x1].copy()
    for number, path in enumerate(paths):
        for t, box in enumerate(path if number != chosen else ()):
            left, top = (box[:2] - 0.3 * box[2:] - (x0, y0)).astype(int)
            right, bottom = (box[:2] + 1.3 * box[2:] - (x0, y0)).astype(int)
            mine = x[t] - x0, y[t] - y0, x[t] + w[t] - x0, y[t] + h[t] - y0
            if left < mine[2] and right > mine[0] and top < mine[3] and bottom > mine[1]:
                continue  # one is before the other
            hidden = part[t, max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
            if hidden.size:
                coarse = cv2.resize(hidden, (3, 3), interpolation=cv2.INTER_AREA)
                hidden[:] = cv2.resize(coarse, hidden.shape[1::-1])
    return part, (x0, y0)
