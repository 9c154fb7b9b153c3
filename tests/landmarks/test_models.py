"""MediaPipe's models: the ones that are shipped, no others, and how the pose bundle is made."""

import shutil
from zipfile import ZipFile

import pytest
import torch

from synclora_lite.artifacts import LOCK
from synclora_lite.errors import LandmarkError
from synclora_lite.files import data_dir
from synclora_lite.landmarks import tasks, track
from synclora_lite.portraits import render_clip, sample_identity, sample_motion
from tools import landmarkers

NAMES = ("face_landmarker.task", "pose_landmarker.task", "selfie_segmenter.tflite")


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Copy the models to where they may be changed."""
    folder = tmp_path / "models" / "mediapipe"
    shutil.copytree(data_dir() / "models" / "mediapipe", folder)
    shutil.copy(data_dir() / "models" / LOCK, folder.parent)
    monkeypatch.setenv("SYNCLORA_DATA", str(tmp_path))
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_model_is_found(name):
    assert tasks.find_bundle(name).name == name


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_is_missing_or_another_is_refused(models, name):
    (models / name).write_bytes((models / name).read_bytes()[:-1])
    with pytest.raises(LandmarkError, match="SHA-256"):
        tasks.find_bundle(name)
    (models / name).unlink()
    with pytest.raises(LandmarkError, match="install the project again"):
        tasks.find_bundle(name)


def test_a_portrait_has_shoulders_beside_its_neck():
    generator = torch.Generator().manual_seed(12)
    found = track(render_clip(sample_identity(generator), sample_motion(generator, 3), 256))
    left, right = found.pose[:, 11, 0], found.pose[:, 12, 0]
    nose = found.face[:, 4, 0]
    assert ((right < nose) & (nose < left)).all()


def test_a_portrait_is_a_person_and_its_corner_is_none():
    generator = torch.Generator().manual_seed(12)
    frame = render_clip(sample_identity(generator), sample_motion(generator, 1), 256)[0]
    likely = tasks.person(frame)
    assert likely.shape == (256, 256)
    assert likely[128, 128] > 0.9
    assert likely[0, 0] < 0.1


def test_a_task_file_is_a_plain_zip_of_aligned_models_whose_bytes_repeat(tmp_path):
    models = {"pose_detector.tflite": b"one", "pose_landmarks_detector.tflite": bytes(100)}
    first = landmarkers.bundle(models, tmp_path / "first.task")
    second = landmarkers.bundle(models, tmp_path / "second.task")
    content = first.read_bytes()
    assert content == second.read_bytes()
    with ZipFile(first) as bundled:
        assert {name: bundled.read(name) for name in bundled.namelist()} == models
    assert content.index(b"one") % landmarkers.ALIGNMENT == 0
