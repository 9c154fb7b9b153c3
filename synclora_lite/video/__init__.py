"""Clips in and out, as RGB `UInt8[np.ndarray, "frames height width 3"]`; failures: `VideoError`.

The ffmpeg of imageio-ffmpeg runs in a process of its own with limits on frames, pixels, memory and
time, so that a broken or hostile file cannot take the interpreter with it.
"""

from synclora_lite.errors import VideoError
from synclora_lite.video.clip import Clip, resample, resample_indices
from synclora_lite.video.geometry import Box, crop, letterbox_box, parse_box
from synclora_lite.video.images import read_image, write_image
from synclora_lite.video.limits import LIMITS, Limits
from synclora_lite.video.reading import probe, read_clip, read_metadata, side_by_side
from synclora_lite.video.writing import write_clip
