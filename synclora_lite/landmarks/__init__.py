"""Face and body landmarks of a clip: MediaPipe's two generations behind one function.

Data flows: frames -> `enlarge` -> back end (`solutions` or `tasks`) -> `Track`, kept in a cache
under the hash of its frames.
"""

from synclora_lite.landmarks.backend import BACKENDS, available_backends, choose_backend
from synclora_lite.landmarks.track import place_of, track, track_file
from synclora_lite.landmarks.types import FACE_POINTS, POSE_POINTS, Track

__all__ = [
    "BACKENDS",
    "FACE_POINTS",
    "POSE_POINTS",
    "Track",
    "available_backends",
    "choose_backend",
    "place_of",
    "track",
    "track_file",
]
