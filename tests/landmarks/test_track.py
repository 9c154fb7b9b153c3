"""Landmarks of clips: found, repeatable, and kept."""

import numpy as np
import pytest
import torch

from synclora_lite.errors import VideoError
from synclora_lite.landmarks import cache, tasks, track, track_file
from synclora_lite.landmarks.track import enlarge
from synclora_lite.portraits import render_clip, sample_identity, sample_motion
from synclora_lite.video import write_clip


@pytest.fixture(scope="module")
def clip():
    """Nine frames of a rendered portrait."""
    generator = torch.Generator().manual_seed(11)
    return render_clip(sample_identity(generator), sample_motion(generator, 9), 128)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Keep landmarks in a folder of the test."""
    monkeypatch.setenv("SYNCLORA_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def no_tracking(monkeypatch):
    """Fail if anything is tracked from now on."""

    def refuse(*_):
        pytest.fail("tracked again")

    monkeypatch.setattr(tasks, "find", refuse)


def test_a_small_face_is_found_in_every_frame_in_its_own_pixels(clip):
    found = track(clip, cache=False)
    assert found.coverage == 1
    assert len(found) == 9
    assert found.size == (128, 128)
    nose = found.face[:, 4, :2]
    assert ((nose > 30) & (nose < 98)).all()


def test_the_same_frames_give_the_same_landmarks_whatever_came_before(clip):
    first = track(clip, cache=False)
    track(clip[::-1], cache=False)
    again = track(clip, cache=False)
    np.testing.assert_array_equal(first.face, again.face)
    np.testing.assert_array_equal(first.pose, again.pose)


def test_time_reversed_gives_the_same_landmarks_reversed(clip):
    """There is no delay in the face: both directions count alike."""
    forward, backward = track(clip, cache=False), track(clip[::-1], cache=False)
    np.testing.assert_allclose(forward.face, backward.face[::-1], atol=1e-4)


def test_an_empty_picture_has_no_face_and_no_numbers():
    found = track(np.zeros((3, 64, 64, 3), np.uint8), cache=False)
    assert not found.found.any()
    assert np.isnan(found.face).all()
    assert found.coverage == 0


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((3, 64, 64), np.uint8),
        np.zeros((3, 64, 64, 3), np.float32),
        np.zeros((0, 64, 64, 3), np.uint8),
        np.zeros((3, 64, 64, 4), np.uint8),
    ],
    ids=["grey", "floats", "no frames", "alpha"],
)
def test_what_is_no_clip_is_refused(frames):
    with pytest.raises(VideoError):
        track.__wrapped__(frames) if hasattr(track, "__wrapped__") else track(frames)


def test_kept_landmarks_are_used_and_equal(clip, request):
    first = track(clip)
    request.getfixturevalue("no_tracking")
    kept = track(clip)
    np.testing.assert_array_equal(first.face, kept.face)
    np.testing.assert_array_equal(first.found, kept.found)
    assert kept.size == first.size


def test_one_pixel_more_is_another_clip(clip):
    other = clip.copy()
    other[4, 3, 3, 0] ^= 1
    assert cache.path_of("any", clip.data) != cache.path_of("any", other.data)
    assert cache.path_of("any", clip.data) != cache.path_of("other", clip.data)


@pytest.mark.parametrize(
    "damage",
    [
        lambda kept: kept[:100],
        lambda kept: kept.replace(b"people", b"peopel"),  # no such field
        lambda kept: kept.replace(b'\\"size\\": [', b'\\"size\\": {'),  # no JSON
        lambda kept: kept.replace(b'"about"', b'"abaut"'),
    ],
    ids=["cut off", "another field", "no JSON", "no record"],
)
def test_a_damaged_cache_is_made_again(clip, damage):
    first = track(clip)
    path = cache.path_of(f"None {clip.shape}", clip.data)
    kept = path.read_bytes()
    path.write_bytes(damage(kept))
    assert path.read_bytes() != kept
    assert cache.load(path) is None
    np.testing.assert_array_equal(track(clip).face, first.face)
    assert cache.load(path) is not None


def test_the_cache_holds_no_pickle_and_no_leftovers(clip):
    track(clip)
    files = [path for path in cache.cache_dir().rglob("*") if path.is_file()]
    assert [path.suffix for path in files] == [".safetensors"]


def test_a_file_is_not_decoded_twice_and_its_name_does_not_matter(clip, tmp_path, request):
    path = write_clip(tmp_path / "a.mp4", clip, fps=12.0)
    first = track_file(path)
    renamed = path.rename(tmp_path / "b.mp4")
    request.getfixturevalue("no_tracking")
    kept = track_file(renamed)
    np.testing.assert_array_equal(first.face, kept.face)
    assert kept.fps == pytest.approx(12)


def test_a_missing_file_is_a_video_error(tmp_path):
    with pytest.raises(VideoError):
        track_file(tmp_path / "none.mp4")


def test_part_of_a_track_is_the_track_of_the_part(clip):
    found = track(clip, cache=False)
    assert len(found[2:5]) == 3
    np.testing.assert_array_equal(found[2:5].face, found.face[2:5])
    np.testing.assert_array_equal(found[np.array([0, 0])].face[1], found.face[0])


def test_small_frames_are_enlarged_by_a_whole_factor_and_large_ones_left():
    assert enlarge(np.zeros((2, 128, 100, 3), np.uint8)).shape == (2, 512, 400, 3)
    large = np.zeros((2, 480, 480, 3), np.uint8)
    assert enlarge(large) is large


def test_the_body_between_two_looks_lies_between_them():
    known = np.array([[[0.0]], [[2.0]], [[np.nan]]], np.float32)
    filled = tasks.fill_between(known, 6, 2)[:, 0, 0]
    np.testing.assert_array_equal(filled, [0, 1, 2, np.nan, np.nan, np.nan])


def test_nothing_is_written_to_the_screen(clip, capfd):
    track(clip, cache=False)
    assert capfd.readouterr() == ("", "")


def pose_at(*centres, size=0.1):
    """Body points in parts of the frame, one frame for each place of the head."""
    spread = np.linspace(-size / 2, size / 2, 11)[:, None]
    spread = np.concatenate([spread, np.zeros((22, 1))])
    points = [spread + np.array(centre) for centre in centres]
    return np.concatenate([np.stack(points), np.ones((len(centres), 33, 2))], axis=2)


def test_the_box_around_a_head_holds_it_throughout_and_hardly_depends_on_the_pose():
    box = tasks.around_head(pose_at((0.4, 0.3), (0.6, 0.3)), (160, 320))
    assert box == tasks.around_head(pose_at((0.402, 0.301), (0.599, 0.3)), (160, 320))
    left, top, right, bottom = box
    assert 0 < left < 0.35 * 320
    assert 0.65 * 320 < right < 320
    assert 0 <= top < 0.25 * 160
    assert 0.35 * 160 < bottom < 160


def test_without_a_head_or_with_a_large_one_the_box_is_the_whole_picture():
    assert tasks.around_head(pose_at((0.5, 0.5), size=0.4), (160, 320)) == (0, 0, 320, 160)
    assert tasks.around_head(np.full((4, 33, 4), np.nan), (160, 320)) == (0, 0, 320, 160)
    assert tasks.around_head(pose_at((3.0, 0.5)), (160, 320)) == (0, 0, 320, 160)
