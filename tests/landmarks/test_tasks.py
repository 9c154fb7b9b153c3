"""The second back end, where its bundle is at hand, and how the bundle is found."""

import hashlib
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch

from synclora_lite.errors import LandmarkError
from synclora_lite.landmarks import available_backends, bundle, choose_backend, track
from synclora_lite.portraits import render_clip, sample_identity, sample_motion
from synclora_lite.sync import cue_traces, pearson

AT_HAND = sorted(Path(__file__).resolve().parents[3].glob("*/models/face_landmarker.task"))
ADDRESS = "https://example.org/face_landmarker.task"


class Answer:
    """What a server sends."""

    def __init__(self, content):
        self.content = content

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def read(self, limit):
        return self.content[:limit]


def serve(monkeypatch, content):
    """Let every download give `content`, and count them."""
    calls = []

    def opened(url, timeout):
        calls.append((url, timeout))
        return Answer(content)

    monkeypatch.setattr(bundle.opener, "open", opened)
    return calls


@pytest.fixture(autouse=True)
def nothing_at_hand(tmp_path, monkeypatch):
    """Start without a bundle and with an empty cache."""
    monkeypatch.setenv("SYNCLORA_CACHE", str(tmp_path))
    monkeypatch.delenv(bundle.VARIABLE, raising=False)


@pytest.mark.parametrize(
    "path", [None, *AT_HAND[:1]], ids=["absent", "at hand"][: 1 + len(AT_HAND)]
)
def test_both_back_ends_see_the_same_face(path, monkeypatch):
    generator = torch.Generator().manual_seed(12)
    frames = render_clip(sample_identity(generator), sample_motion(generator, 17), 256)
    if path is None:
        serve(monkeypatch, b"")
        with pytest.raises(LandmarkError, match="SHA-256"):
            track(frames, backend="tasks", cache=False)
        return
    first = track(frames, backend="solutions", cache=False)
    second = track(frames, backend="tasks", cache=False, bundle=path)
    assert second.coverage == 1
    assert second.blendshapes.shape == (17, 52)
    assert np.isnan(second.pose).all()
    mine, theirs = cue_traces(first), cue_traces(second)
    for cue in ("yaw", "roll", "x", "y", "mouth", "blink"):
        assert pearson(mine[cue], theirs[cue]) > 0.95, cue


def test_without_the_first_generation_the_second_is_chosen(monkeypatch):
    def gone(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("synclora_lite.landmarks.backend.util.find_spec", gone)
    assert available_backends() == ("tasks",)
    with pytest.raises(LandmarkError, match="use --backend tasks, or install"):
        choose_backend("solutions")


def test_a_download_is_verified_and_kept(monkeypatch):
    content = b"a bundle"
    calls = serve(monkeypatch, content)
    monkeypatch.setattr(bundle, "SHA256", hashlib.sha256(content).hexdigest())
    path = bundle.find_bundle()
    assert path.read_bytes() == content
    assert bundle.find_bundle() == path
    assert len(calls) == 1
    assert calls[0][1] == bundle.TIMEOUT


def test_a_download_that_is_not_the_published_file_is_refused_and_not_kept(monkeypatch, tmp_path):
    serve(monkeypatch, b"something else")
    with pytest.raises(LandmarkError, match="do not use it"):
        bundle.find_bundle()
    assert not list(tmp_path.rglob("*.task"))


def test_no_more_than_the_published_size_is_read(monkeypatch):
    serve(monkeypatch, b"x" * 1000)
    with pytest.raises(LandmarkError):
        bundle.download(ADDRESS, size=10, digest=hashlib.sha256(b"x" * 10).hexdigest())


def test_offline_the_message_says_what_to_do(monkeypatch):
    def offline(*_, **__):
        raise URLError("no route to host")

    monkeypatch.setattr(bundle.opener, "open", offline)
    with pytest.raises(LandmarkError, match=f"set {bundle.VARIABLE} to its path"):
        bundle.find_bundle()


def test_only_https_is_used():
    with pytest.raises(LandmarkError, match="not https"):
        bundle.download("http://example.org/face_landmarker.task", 10, "")


def test_a_given_file_is_verified(tmp_path, monkeypatch):
    wrong = tmp_path / "face_landmarker.task"
    with pytest.raises(LandmarkError, match="no landmark bundle"):
        bundle.find_bundle(wrong)
    wrong.write_bytes(b"not it")
    monkeypatch.setenv(bundle.VARIABLE, str(wrong))
    with pytest.raises(LandmarkError, match="SHA-256"):
        bundle.find_bundle()
