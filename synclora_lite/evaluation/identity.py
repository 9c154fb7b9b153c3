"""Whether it is still the same person, without a face recognition network.

Every frame's face is brought to the same place by its eye corners; the median over the clip then
shows the face at rest, without blinks and words. Two clips of one person correlate near 1.
"""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from synclora_lite.landmarks import Track

Frames = UInt8[np.ndarray, "frames height width 3"]

SIDE = 48  # pixels of the aligned face
OUTER_EYES = (33, 263)  # Face Mesh: right and left outer corner
RIGHT_EYE, LEFT_EYE = (0.28, 0.40), (0.72, 0.40)  # where they go, in parts of the side


def identity(truth: Frames, output: Frames, tracks: tuple[Track, Track]) -> float:
    """Correlate the resting faces of two clips.

    Args:
        truth: The true edited clip.
        output: The clip in question.
        tracks: Landmarks of both.

    Returns:
        -1..1; 0 if one of the clips shows no face.

    """
    faces = [resting_face(clip, track) for clip, track in zip((truth, output), tracks, strict=True)]
    if faces[0] is None or faces[1] is None:
        return 0.0
    first, second = ((face - face.mean()).ravel() for face in faces if face is not None)
    scale = np.linalg.norm(first) * np.linalg.norm(second)
    return float(first @ second / scale) if scale else 0.0


def resting_face(frames: Frames, track: Track) -> Float[np.ndarray, "side side 3"] | None:
    """Return the median of all aligned faces of a clip, or None without any face."""
    seen = np.flatnonzero(track.found)
    if not len(seen):
        return None
    faces = [_aligned(frames[t], track.face[t, list(OUTER_EYES), :2]) for t in seen]
    return np.median(np.stack(faces), axis=0).astype(np.float32)


def _aligned(
    frame: UInt8[np.ndarray, "height width 3"], eyes: Float[np.ndarray, "2 2"]
) -> UInt8[np.ndarray, "side side 3"]:
    """Turn, scale and shift one face so that its eyes lie at RIGHT_EYE and LEFT_EYE."""
    start, goal = eyes @ (1, 1j), np.array([RIGHT_EYE, LEFT_EYE]) @ (1, 1j) * SIDE
    turn = (goal[1] - goal[0]) / (start[1] - start[0])  # a complex number turns and scales
    shift = goal[0] - turn * start[0]
    matrix = [[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]]
    return cv2.warpAffine(
        frame, np.array(matrix), (SIDE, SIDE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
