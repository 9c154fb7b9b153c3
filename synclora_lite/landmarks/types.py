"""What tracking a clip gives: the points of its face and body, frame by frame."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

FACE_POINTS = 478  # 468 of the mesh, then 5 of the right iris and 5 of the left
POSE_POINTS = 33


@dataclass(frozen=True)
class Track:
    """Landmarks of one clip in pixels of the frames that were given.

    x goes right, y down, and z away from the camera in the scale of x; "left" and "right" are the
    person's own. `pose` has the visibility in 0..1 as well. Where nothing was found there is NaN.
    """

    face: Float[np.ndarray, "frames 478 3"]
    pose: Float[np.ndarray, "frames 33 4"]
    found: Bool[np.ndarray, " frames"]  # whether a frame shows a face
    backend: str  # name and version of what found them, e.g. "tasks-1.2.3"
    size: tuple[int, int]  # height and width of the frames
    change: Float[np.ndarray, " frames"]  # mean difference to the frame before, in grey of 0..1
    fps: float | None = None  # None when the track was made from frames alone
    people: int = 1  # how many the clip shows for a good part of its length
    person: int = 1  # which of them this is, counted from the left
    place: tuple[float, float] | None = None  # of several: where first seen, in parts of the frame

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.face)

    def __getitem__(self, frames: slice | Int[np.ndarray, " chosen"]) -> "Track":
        """Return the track of some frames, e.g. `track[2:19]` or `track[np.array([0, 0, 1])]`."""
        per_frame = ("face", "pose", "found", "change")
        return replace(self, **{name: getattr(self, name)[frames] for name in per_frame})

    @property
    def coverage(self) -> float:
        """Share of the frames that show a face."""
        return float(self.found.mean()) if len(self) else 0.0
