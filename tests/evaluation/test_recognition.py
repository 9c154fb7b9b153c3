"""Whose face is it: OpenCV's recogniser on our landmarks, with a tiny network in SFace's place."""

import numpy as np
import pytest
from skimage.data import astronaut

from synclora_course import recognition as module
from synclora_course.recognition import face_features, network, same_person
from synclora_lite.errors import ArtifactError, EditError
from synclora_lite.landmarks import track
from synclora_lite.portraits import held_out, render_clip
from synclora_lite.video import Clip

POOLING = """
input: "data"
input_shape { dim: 1 dim: 3 dim: 112 dim: 112 }
layer { name: "fc1" type: "Pooling" bottom: "data" top: "fc1"
        pooling_param { pool: AVE kernel_size: 16 stride: 16 } }
"""


@pytest.fixture
def tiny(tmp_path):
    """Write a network without weights, whose features are the means of 7x7 parts of a face."""
    path = tmp_path / "tiny.prototxt"
    path.write_text(POOLING)
    return path


@pytest.fixture(scope="module")
def photographs():
    """Return a clip of one person who is carried across the picture."""
    photo = astronaut()
    frames = np.stack([photo[:300, 60 + 8 * k : 360 + 8 * k] for k in range(4)])
    return Clip(frames, 25.0)


def test_a_face_that_moves_keeps_its_features(photographs, tiny):
    features = face_features(photographs, track(photographs.frames), tiny)
    assert features.shape == (4, 3 * 7 * 7)
    assert np.linalg.norm(features, axis=1) == pytest.approx(1)
    assert (features @ features[0] > 0.995).all()


def test_a_person_is_nearer_to_themselves_than_a_recoloured_copy(photographs, tiny):
    tracks = track(photographs.frames)
    same = same_person((photographs, photographs), (tracks, tracks), tiny)
    assert same["to_source"] == pytest.approx(1)
    other = Clip(np.ascontiguousarray(photographs.frames[..., ::-1]), 25.0)
    changed = same_person((photographs, other), (tracks, tracks), tiny)
    assert changed["to_source"] < same["to_source"] - 0.005
    assert changed["to_first_frame"] > 0.995


def test_frames_without_a_face_have_no_features(photographs, tiny):
    found = track(photographs.frames)
    found.face[1] = np.nan
    features = face_features(photographs, found, tiny)
    assert np.isnan(features).any(1).tolist() == [False, True, False, False]
    nobody = track(photographs.frames)
    nobody.face[1:] = np.nan
    with pytest.raises(EditError, match="1 frames with a face"):
        same_person((photographs, photographs), (found, nobody), tiny)


def test_drawn_faces_are_refused(tiny):
    case = held_out(0, 1)[0]
    drawn = Clip(render_clip(case.source, case.motion, 192), 12.0)
    tracks = track(drawn.frames)
    with pytest.raises(EditError, match="looks like rendered portraits; expected photographs"):
        same_person((drawn, drawn), (tracks, tracks), tiny)


def test_a_network_that_is_another_is_fetched_anew_and_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNCLORA_CACHE", str(tmp_path))
    (tmp_path / "sface.onnx").write_bytes(b"another")
    monkeypatch.setattr(module, "ADDRESS", "http://localhost/sface.onnx")
    with pytest.raises(ArtifactError, match="https"):
        network()
