"""What tracking a clip gives: the points of its face and body, frame by frame."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

FACE_POINTS = 478  # 468 of the mesh, then 5 of the right iris and 5 of the left
POSE_POINTS = 33


@dataclass(frozen=True)
class Track:
    """Landmarks of one clip in pixels of the frames that were given.

    Attributes:
        face: x to the right, y down, z away from the camera (z in the scale of x); NaN in frames
            without a face. "Left" and "right" are the person's own.
        pose: x, y, z as above and the visibility in 0..1; NaN in frames without a body.
        found: Whether a frame shows a face.
        backend: Name and version of what found them, e.g. "tasks-1.2.3".
        size: Height and width of the frames.
        change: Mean absolute difference of each frame to the one before, in grey levels of 0..1
            at a width of 64 pixels; 0 for the first.
        fps: Frames a second, or None when the track was made from frames alone.
        people: How many people the clip shows for a good part of its length.
        person: Which of them this is, counted from the left.
        place: Of several, where the face is first seen, in parts of the frame.

    """

    face: Float[np.ndarray, "frames 478 3"]
    pose: Float[np.ndarray, "frames 33 4"]
    found: Bool[np.ndarray, " frames"]
    backend: str
    size: tuple[int, int]
    change: Float[np.ndarray, " frames"]
    fps: float | None = None
    people: int = 1
    person: int = 1
    place: tuple[float, float] | None = None

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.face)

    def __getitem__(self, frames: slice | Int[np.ndarray, " chosen"]) -> "Track":
        """Return the track of some frames, e.g. `track[2:19]` or `track[np.array([0, 0, 1])]`."""
        return replace(
            self,
            face=self.face[frames],
            pose=self.pose[frames],
            found=self.found[frames],
            change=self.change[frames],
        )

    @property
    def coverage(self) -> float:
        """Share of the frames that show a face."""
        return float(self.found.mean()) if len(self) else 0.0
