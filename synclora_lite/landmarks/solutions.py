"""MediaPipe's first generation: Face Mesh with irises, and Pose; the models are in its wheel."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from synclora_lite.landmarks import quiet
from synclora_lite.landmarks.backend import POSE_STEP, RawLandmarks, fill_between, mediapipe_version
from synclora_lite.landmarks.types import FACE_POINTS, POSE_POINTS

with quiet.native_silence():
    from mediapipe.python.solutions.face_mesh import FaceMesh
    from mediapipe.python.solutions.pose import Pose

Frames = UInt8[np.ndarray, "frames height width 3"]

CONFIDENCE = 0.5


class SolutionsBackend:
    """Face Mesh run through the clip in both directions and averaged, and Pose.

    The mesh of a frame depends a little on the region that the frame before hands on. The mean
    of a pass forward and a pass backward has no such delay and less jitter, and the first frame
    is tracked as well as the rest. A face that only one direction sees is none: the tracker goes
    on drawing a face on hair for a while after a head has turned away.
    """

    @property
    def name(self) -> str:
        """Name and version."""
        return f"solutions-{mediapipe_version()}"

    def find(self, frames: Frames) -> RawLandmarks:
        """Find the face and the body of every frame."""
        with quiet.native_silence():
            forward = _face_pass(frames)
            backward = _face_pass(frames[::-1])[::-1]
            return RawLandmarks((forward + backward) / 2, _pose_pass(frames))


def _face_pass(frames: Frames) -> Float[np.ndarray, "frames 478 3"]:
    with FaceMesh(
        max_num_faces=1,
        refine_landmarks=True,
        min_detection_confidence=CONFIDENCE,
        min_tracking_confidence=CONFIDENCE,
    ) as mesh:
        results = [mesh.process(np.ascontiguousarray(frame)) for frame in frames]
    faces = [found.multi_face_landmarks for found in results]
    return np.stack([_points(face[0].landmark if face else None) for face in faces])


def _pose_pass(frames: Frames) -> Float[np.ndarray, "frames 33 4"]:
    """Find the body in every second frame and fill in the rest: it moves slowly and costs most."""
    with Pose(model_complexity=1, smooth_landmarks=False) as pose:
        bodies = [
            pose.process(np.ascontiguousarray(frame)).pose_landmarks
            for frame in frames[::POSE_STEP]
        ]
    points = [_pose_points(body.landmark if body else None) for body in bodies]
    return fill_between(np.stack(points), len(frames), POSE_STEP)


def _points(landmarks: Sequence[Any] | None) -> Float[np.ndarray, "478 3"]:
    if landmarks is None:
        return np.full((FACE_POINTS, 3), np.nan, np.float32)
    return np.array([(point.x, point.y, point.z) for point in landmarks], np.float32)


def _pose_points(landmarks: Sequence[Any] | None) -> Float[np.ndarray, "33 4"]:
    if landmarks is None:
        return np.full((POSE_POINTS, 4), np.nan, np.float32)
    return np.array([(p.x, p.y, p.z, p.visibility) for p in landmarks], np.float32)
