"""MediaPipe's tasks for faces, bodies and people, with the models that come with the project.

Importing this module imports mediapipe, which takes seconds: others do it when they need it.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from synclora_lite.artifacts import models_dir, read_lock
from synclora_lite.errors import LandmarkError
from synclora_lite.files import sha256
from synclora_lite.landmarks.people import Box
from synclora_lite.video.clip import Frames

# Read by the native libraries when they are first imported.
os.environ.setdefault("GLOG_minloglevel", "3")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def native_silence() -> Iterator[None]:
    """Send what native code writes to standard error nowhere; Python's exceptions pass through."""
    try:
        kept = os.dup(2)
    except OSError:  # no standard error at all: there is nothing to silence
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        with suppress(OSError):
            os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


with native_silence():
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

VIDEO = vision.RunningMode.VIDEO
# Milliseconds between frames. The video mode follows a face from frame to frame, but smooths over
# time too, which delays every cue; frames that lie this far apart pass its filter as they are.
APART = 100_000
POSE_STEP = 2  # frames
MOST = 5  # people looked for
HEAD = slice(11)  # points of the body: nose, eyes, ears and mouth
ROOM = 1.0  # around them, in parts of their extent
CLOSE = 0.25  # of the frame's short side: a head of this extent is seen well in the whole frame
GRID = 16  # parts of the frame: the box around a head has whole ones, whatever the pose trembles
# A face that was found is followed down to this presence. Profiles with glasses stay around 0.5,
# which is MediaPipe's own limit; the back of a head is below this one.
PRESENCE = 0.2


def find(
    frames: Frames,
) -> tuple[Float[np.ndarray, "frames 478 3"], Float[np.ndarray, "frames 33 4"]]:
    """Find face and body in every frame, in parts of the frame (0..1); NaN where absent.

    The face is looked for around the head of the body: in profile it is seen in a close-up only.
    The mean of a pass forward and a pass backward has no delay and less jitter. A face that only
    one direction sees is none: the tracker draws one on hair after a head has turned away.
    """
    with native_silence():
        pose = _pose_pass(frames)
        left, top, right, bottom = around_head(pose, (frames.shape[1], frames.shape[2]))
        part = frames[:, top:bottom, left:right]
        face = (_face_pass(part) + _face_pass(part[::-1])[::-1]) / 2
    height, width = frames.shape[1:3]
    scale = np.array([part.shape[2] / width, part.shape[1] / height, part.shape[2] / width])
    return (face * scale + (left / width, top / height, 0)).astype(np.float32), pose


def around_head(
    pose: Float[np.ndarray, "frames 33 4"], size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Return the box in which the head is throughout; all of a (height, width) if it is large."""
    height, width = size
    points = pose[:, HEAD, :2] * (width, height)
    points = points[~np.isnan(points).any((1, 2))]
    extent = float(np.median(np.ptp(points, axis=1).max(-1))) if len(points) else np.inf
    if extent >= CLOSE * min(size):
        return 0, 0, width, height
    room = ROOM * extent
    cell = np.array([width, height]) / GRID
    low = np.clip(np.floor((points.min((0, 1)) - room) / cell), 0, GRID) * cell
    high = np.clip(np.ceil((points.max((0, 1)) + room) / cell), 0, GRID) * cell
    left, top, right, bottom = np.concatenate([low, high]).astype(int).tolist()
    if right - left < room or bottom - top < room:  # a head out of the picture
        return 0, 0, width, height
    return left, top, right, bottom


def faces(frames: Frames) -> list[list[Box]]:
    """Find the faces of every frame by itself, as boxes around their landmarks."""
    model = _model("face_landmarker.task")
    options = vision.FaceLandmarkerOptions(base_options=model, num_faces=MOST)
    with native_silence(), vision.FaceLandmarker.create_from_options(options) as finder:
        found = [finder.detect(_image(frame)).face_landmarks for frame in frames]
    points = [[_array(face, "xy") for face in row] for row in found]
    return [[(*face.min(0), *np.ptp(face, axis=0)) for face in row] for row in points]


def person(picture: UInt8[np.ndarray, "height width 3"]) -> Float[np.ndarray, "height width"]:
    """Return how likely each pixel shows a person, in 0..1."""
    model = _model("selfie_segmenter.tflite")
    options = vision.ImageSegmenterOptions(base_options=model, output_confidence_masks=True)
    with native_silence(), vision.ImageSegmenter.create_from_options(options) as finder:
        (mask,) = finder.segment(_image(picture)).confidence_masks
        return np.squeeze(mask.numpy_view()).astype(np.float32)


def _face_pass(frames: Frames) -> Float[np.ndarray, "frames 478 3"]:
    model = _model("face_landmarker.task")
    options = vision.FaceLandmarkerOptions(
        base_options=model, running_mode=VIDEO, min_face_presence_confidence=PRESENCE
    )
    with vision.FaceLandmarker.create_from_options(options) as finder:
        found = [result.face_landmarks for result in _each(finder, frames)]
    return _first(found, 478, "xyz")


def _pose_pass(frames: Frames) -> Float[np.ndarray, "frames 33 4"]:
    """Find the body in every second frame and fill in the rest: it moves slowly and costs most."""
    model = _model("pose_landmarker.task")
    options = vision.PoseLandmarkerOptions(base_options=model, running_mode=VIDEO)
    with vision.PoseLandmarker.create_from_options(options) as finder:
        found = [result.pose_landmarks for result in _each(finder, frames[::POSE_STEP])]
    known = _first(found, 33, ("x", "y", "z", "visibility"))
    return fill_between(known, len(frames), POSE_STEP)


def fill_between(
    known: Float[np.ndarray, "known points values"], frames: int, step: int
) -> Float[np.ndarray, "frames points values"]:
    """Interpolate linearly what is known of every `step`-th frame; the last one is held."""
    place = np.minimum(np.arange(frames) / step, len(known) - 1)
    before = np.floor(place).astype(int)
    after = np.minimum(before + 1, len(known) - 1)
    share = (place - before)[:, None, None].astype(np.float32)
    between = known[before] * (1 - share) + known[after] * share
    return np.where(share > 0, between, known[before])


def find_bundle(name: str) -> Path:
    """Return the path of a model file; LandmarkError unless it is the one in the lock."""
    path, advice = models_dir() / "mediapipe" / name, "install the project again"
    if not path.is_file():
        raise LandmarkError(f"no file {path}", "MediaPipe's model", advice)
    found, known = sha256(path), str(read_lock()[f"mediapipe/{name}"]["sha256"])
    if found != known:
        raise LandmarkError(f"{path} has SHA-256 {found[:12]}...", f"{known[:12]}...", advice)
    return path


def _model(name: str) -> Any:
    return BaseOptions(model_asset_path=str(find_bundle(name)))


def _each(finder: Any, frames: Frames) -> list[Any]:
    return [finder.detect_for_video(_image(frame), t * APART) for t, frame in enumerate(frames)]


def _first(
    found: list[Any], points: int, parts: Sequence[str]
) -> Float[np.ndarray, "frames points parts"]:
    """Return the first face or body of every frame, NaN where there is none."""
    absent = np.full((points, len(parts)), np.nan)
    return np.stack([_array(f[0], parts) if f else absent for f in found]).astype(np.float32)


def _array(points: Any, parts: Sequence[str]) -> Float[np.ndarray, "points parts"]:
    return np.array([[getattr(point, part) for part in parts] for point in points])


def _image(frame: np.ndarray) -> Any:
    data = np.ascontiguousarray(frame)
    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=data)
