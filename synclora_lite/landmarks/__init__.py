"""Face and body landmarks of a clip, found by MediaPipe.

Data flows: frames -> `enlarge` -> `tasks.find` -> `Track`, kept in a cache under the hash of its
frames.
"""

from synclora_lite.landmarks.cache import Track
from synclora_lite.landmarks.track import place_of, track, track_file
