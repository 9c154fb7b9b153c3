"""Is it the same person? A metric for photographs only, by a network that comes on request.

The network is SFace (Zhong et al. 2021, arXiv 2205.12010; OpenCV's model zoo, Apache 2.0): 128
numbers a face, compared by their cosine. They say nothing of drawn faces, which are refused.
"""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from synclora_lite.artifacts import download
from synclora_lite.editing.domain import load_domain, strangeness
from synclora_lite.errors import ArtifactError, EditError
from synclora_lite.files import sha256, write_atomic
from synclora_lite.landmarks import Track
from synclora_lite.landmarks.cache import cache_dir
from synclora_lite.models import load_model
from synclora_lite.models.folders import model_folder
from synclora_lite.video import Clip

COMMIT = "aeee99703db82d838f6c66b90429b0468bcedeb3"
ADDRESS = (
    f"https://media.githubusercontent.com/media/opencv/opencv_zoo/{COMMIT}"
    "/models/face_recognition_sface/face_recognition_sface_2021dec.onnx"
)
DIGEST = "f6abbfff9575e3041db692c1e29d782e995191888477fd59ebc81202d99fc63b"
BYTES = 24_227_283
SAME = 0.363  # and more: two photographs of one person, as OpenCV's documentation has it
# right eye, left eye, nose, right and left corner of the mouth, as MediaPipe numbers its mesh
POINTS: tuple[tuple[int, ...], ...] = ((33, 133), (362, 263), (1,), (61,), (291,))


def network() -> Path:
    """Return the file of the network, fetched once; ArtifactError if it cannot be had."""
    path = cache_dir() / "sface.onnx"
    if not path.exists() or sha256(path) != DIGEST:
        try:
            write_atomic(path, download(ADDRESS, BYTES, DIGEST))
        except ArtifactError as error:
            raise ArtifactError(error.what, f"a connection, or this file at {path}") from error
    return path


def face_features(clip: Clip, track: Track, file: Path) -> Float[np.ndarray, "frames features"]:
    """Return a unit vector for the face of each frame, NaN where there is none."""
    recogniser = cv2.FaceRecognizerSF.create(str(file), "")
    features: dict[int, np.ndarray] = {}
    for t in np.flatnonzero(~np.isnan(track.face).any((1, 2))):
        face = track.face[t]
        points = [face[list(which), :2].mean(0) for which in POINTS]
        box = np.concatenate([face[:, :2].min(0), np.ptp(face[:, :2], axis=0)])
        found = np.concatenate([box, *points, [1.0]]).astype(np.float32)  # as YuNet's rows
        aligned = recogniser.alignCrop(np.ascontiguousarray(clip.frames[t, ..., ::-1]), found)
        feature = recogniser.feature(aligned).ravel().astype(np.float64)
        features[int(t)] = feature / np.linalg.norm(feature)
    nowhere = np.full_like(next(iter(features.values()), np.empty(1)), np.nan)
    return np.stack([features.get(t, nowhere) for t in range(len(clip))])


def same_person(
    clips: tuple[Clip, Clip], tracks: tuple[Track, Track], file: Path
) -> dict[str, float]:
    """Compare the faces of an edit with its own first face, and with the source's, frame by frame.

    Returns the mean cosines `to_first_frame` and `to_source`, which an edit of age or beard should
    lower. Raises EditError if faces are drawn, or no frame shows one in both clips.
    """
    for clip, what in zip(clips, ("source", "edit"), strict=True):
        _check_photographs(clip, what)
    source, edit = (face_features(c, t, file) for c, t in zip(clips, tracks, strict=True))
    seen = ~np.isnan(edit).any(1)
    both = seen & ~np.isnan(source).any(1)
    if both.sum() < 2:
        raise EditError(f"{both.sum()} frames with a face in both clips", "two at least")
    first, *others = edit[seen]
    return {
        "to_first_frame": float(np.mean(np.stack(others) @ first)),
        "to_source": float(np.mean((edit[both] * source[both]).sum(1))),
    }


def _check_photographs(clip: Clip, what: str) -> None:
    """Raise EditError if a clip looks like the drawings that the lite model was made for."""
    domain = load_domain(model_folder("lite"))
    some = clip.frames[:: max(1, len(clip.frames) // 5)][:5]
    size = (domain.side, domain.side)
    small = np.stack([cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in some])
    if np.median(strangeness(load_model("lite").vae, small)) <= domain.limit:
        advice = "leave out --identity; synclora exam compares rendered edits with their truth"
        raise EditError(f"the {what} looks like {domain.kind}", "photographs", advice)
