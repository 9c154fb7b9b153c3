"""Builds: the same seed gives the same bytes, and a build that was stopped goes on."""

import json
import multiprocessing
import os
import signal
import time

import numpy as np
import pytest

from synclora_course.corruption import CORRUPTIONS, LEAST_FRAMES, Corrupted
from synclora_lite.errors import PairError
from synclora_lite.pairs import Exact, build, locate, read_manifest
from synclora_lite.pairs.building import MAX_SEED, STRIDE
from synclora_lite.pairs.folder import alone
from synclora_lite.portraits import EDIT_KINDS
from synclora_lite.portraits.edits import HELD_OUT
from synclora_lite.video import read_clip
from tests.robustness.kills import contents


def test_exact_pairs_have_clips_of_the_size_asked_for(built):
    folder, pairs = built
    assert [pair.id for pair in pairs] == [f"exact-0-{k:06d}" for k in range(3)]
    assert [pair.kind for pair in pairs] == list(EDIT_KINDS[:3])
    for media in (pairs[0].source, pairs[0].edited):
        clip = read_clip(locate(folder, media.path))
        assert clip.frames.shape == (5, 32, 32, 3)
        assert clip.fps == pairs[0].fps == 12
    assert read_manifest(folder) == pairs


def test_the_same_seed_gives_the_same_bytes_whatever_the_number_of_processes(built, tmp_path):
    build(tmp_path, Exact(frames=5, size=32), 3, jobs=2)
    assert contents(tmp_path) == contents(built[0])


def test_more_pairs_can_be_added_and_seeds_differ(tmp_path):
    first = build(tmp_path, Exact(frames=5, size=32), 1)
    more = build(tmp_path, Exact(frames=5, size=32), 2)
    other = build(tmp_path, Exact(frames=5, size=32), 1, seed=1)
    assert more[:1] == first
    assert read_manifest(tmp_path) == [*more, *other]
    assert other[0].source.sha256 != first[0].source.sha256


def test_a_pair_that_was_written_but_not_listed_is_neither_lost_nor_doubled(built, tmp_path):
    build(tmp_path, Exact(frames=5, size=32), 3)
    manifest = tmp_path / "manifest.jsonl"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:-40])  # the last line is cut short
    (tmp_path / "source" / ".exact-0-000002.0badc0de.mp4").write_bytes(b"half a clip")
    build(tmp_path, Exact(frames=5, size=32), 3)
    assert contents(tmp_path) == contents(built[0])


def test_a_clip_that_was_damaged_is_made_again(built, tmp_path):
    pairs = build(tmp_path, Exact(frames=5, size=32), 3)
    (tmp_path / pairs[1].edited.path).write_bytes(b"damaged")
    build(tmp_path, Exact(frames=5, size=32), 3)
    assert contents(tmp_path) == contents(built[0])


def test_other_settings_in_the_same_folder_are_refused(tmp_path):
    build(tmp_path, Exact(frames=5, size=32), 1)
    with pytest.raises(PairError, match="built with frames 5, now it is 9"):
        build(tmp_path, Exact(frames=9, size=32), 1)


def test_two_builds_in_one_folder_at_a_time_are_refused(tmp_path):
    with alone(tmp_path), pytest.raises(PairError, match="another process is at work"):
        build(tmp_path, Exact(frames=5, size=32), 1)


@pytest.mark.parametrize(
    ("pairs", "seed", "kinds"),
    [(0, 0, ["hat"]), (1, -1, ["hat"]), (1, 10**7, ["hat"]), (1, 0, ["x"]), (1, 0, [])],
)
def test_settings_that_make_no_sense_are_refused(tmp_path, pairs, seed, kinds):
    with pytest.raises(PairError):
        build(tmp_path, Exact(frames=5, size=32), pairs, seed=seed, kinds=kinds)


def test_no_build_reaches_the_seeds_that_are_held_out():
    assert (MAX_SEED + 1) * STRIDE <= HELD_OUT
    assert HELD_OUT <= 2**31  # a generator on the CPU reads 32 bits


def test_every_corruption_can_be_made_and_says_how_strong_it_is(tmp_path):
    pairs = build(tmp_path, Corrupted(frames=17, size=16), len(CORRUPTIONS), kinds=["hair"])
    assert {pair.parameters["corruption"] for pair in pairs} == set(CORRUPTIONS)
    json.dumps([pair.parameters for pair in pairs])
    with pytest.raises(PairError, match="corruption 'x'"):
        Corrupted(corruptions=("x",))


def test_a_shift_is_the_exact_edit_some_frames_later():
    drawn = Corrupted(frames=17, size=32, corruptions=("shift",)).draw(3, "hair")
    by = drawn.parameters["by"]
    again = Corrupted(frames=17, size=32, corruptions=("repeated frames",)).draw(3, "hair")
    upto = again.parameters["at"] + 1  # the first frames of this one are in time
    late, true = drawn.edited, again.edited[:upto]
    early = max(0, -by)
    np.testing.assert_array_equal(late[max(0, by) : max(0, by) + upto - early], true[early:])


def test_a_stopped_build_leaves_the_lock_free(tmp_path):
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=build, args=(tmp_path, Exact(frames=5, size=32), 500))
    process.start()
    while not (tmp_path / "manifest.jsonl").exists():
        time.sleep(0.01)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with alone(tmp_path):
        assert read_manifest(tmp_path)


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_the_shortest_clip_can_have_every_corruption_and_a_shorter_one_is_refused(corruption):
    for seed in range(8):
        drawn = Corrupted(LEAST_FRAMES, 16, (corruption,)).draw(seed, "hair")
        assert len(drawn.edited) == len(drawn.source) == LEAST_FRAMES
    with pytest.raises(PairError, match="corrupted pairs of 3 frames; expected 4 or more"):
        Corrupted(LEAST_FRAMES - 1, 16, (corruption,))
