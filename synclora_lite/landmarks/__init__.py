"""Face and body landmarks of a clip, found by MediaPipe and kept in a cache."""

from synclora_lite.landmarks.cache import Track
from synclora_lite.landmarks.track import place_of, track, track_file
