"""MediaPipe's second generation: the Face Landmarker task, with expression scores but no body."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from synclora_lite.landmarks import quiet
from synclora_lite.landmarks.backend import RawLandmarks, mediapipe_version
from synclora_lite.landmarks.bundle import find_bundle
from synclora_lite.landmarks.people import Box
from synclora_lite.landmarks.types import BLENDSHAPES, FACE_POINTS, POSE_POINTS

with quiet.native_silence():
    import mediapipe
    from mediapipe.tasks.python.core.base_options import BaseOptions
    from mediapipe.tasks.python.vision import (
        FaceLandmarker,
        FaceLandmarkerOptions,
        RunningMode,
    )

CONFIDENCE = 0.5


class TasksBackend:
    """Face Landmarker on every frame by itself.

    Its video mode smooths over time, which delays every cue and depends on the frame rate, so
    frames are looked at one by one; smoothing is the score's own business.
    """

    def __init__(self, bundle: str | Path | None = None) -> None:
        self.bundle = find_bundle(bundle)

    @property
    def name(self) -> str:
        """Name and version."""
        return f"tasks-{mediapipe_version()}"

    def faces(self, frames: UInt8[np.ndarray, "frames height width 3"]) -> list[list[Box]]:
        """Detect the faces of every frame."""
        points = [
            [np.array([(p.x, p.y) for p in face]) for face in result.face_landmarks]
            for result in self._detect(frames, 5)
        ]
        return [[(*face.min(0), *np.ptp(face, axis=0)) for face in row] for row in points]

    def find(self, frames: UInt8[np.ndarray, "frames height width 3"]) -> RawLandmarks:
        """Find the face of every frame; the body stays NaN."""
        found = self._detect(frames, 1)
        faces = np.stack([_face(result) for result in found])
        pose = np.full((len(frames), POSE_POINTS, 4), np.nan, np.float32)
        return RawLandmarks(faces, pose, np.stack([_blendshapes(result) for result in found]))

    def _detect(self, frames: UInt8[np.ndarray, "frames height width 3"], most: int) -> list[Any]:
        options = FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(self.bundle)),
            running_mode=RunningMode.IMAGE,
            num_faces=most,
            min_face_detection_confidence=CONFIDENCE,
            min_face_presence_confidence=CONFIDENCE,
            output_face_blendshapes=True,
        )
        with quiet.native_silence(), FaceLandmarker.create_from_options(options) as finder:
            return [finder.detect(_image(frame)) for frame in frames]


def _image(frame: np.ndarray) -> Any:
    return mediapipe.Image(
        image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(frame)
    )


def _face(result: Any) -> np.ndarray:
    if not result.face_landmarks:
        return np.full((FACE_POINTS, 3), np.nan, np.float32)
    return np.array([(p.x, p.y, p.z) for p in result.face_landmarks[0]], np.float32)


def _blendshapes(result: Any) -> np.ndarray:
    if not result.face_blendshapes:
        return np.full(BLENDSHAPES, np.nan, np.float32)
    return np.array([shape.score for shape in result.face_blendshapes[0]], np.float32)
