"""MediaPipe's models, as they come with the project: found and verified."""

from importlib import metadata
from pathlib import Path

from synclora_lite.artifacts import models_dir
from synclora_lite.errors import LandmarkError
from synclora_lite.files import sha256

SHA256 = {
    "face_landmarker.task": "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
    "pose_landmarker.task": "e2faf45ee489cd7b170dce6db21ec64b0eac9196b355a0ff17fc07d9ba3b9817",
    "selfie_segmenter.tflite": "79df7211697d529fd2bcae9dff7f201b6cc5b0e39f70612f7e1eecc09eb42bb4",
}


def finder_name() -> str:
    """Return the name and version of what finds landmarks; ImportError if it is missing."""
    return f"tasks-{metadata.version('mediapipe')}"


def find_bundle(name: str) -> Path:
    """Return the path of a model file; LandmarkError unless it is the one this was tested with."""
    path, advice = models_dir() / "mediapipe" / name, "install the project again"
    if not path.is_file():
        raise LandmarkError(f"no file {path}", "MediaPipe's model", advice)
    found, known = sha256(path), SHA256[name]
    if found != known:
        raise LandmarkError(f"{path} has SHA-256 {found[:12]}...", f"{known[:12]}...", advice)
    return path
