"""Scoring files: from the command line, from a cache, and by several workers."""

import json

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from typer.testing import CliRunner

from synclora_lite.cli import app
from synclora_lite.sync import score_files
from synclora_lite.video import write_clip
from tests.sync.clips import SPARE


@pytest.fixture(scope="module")
def files(rendered, tmp_path_factory):
    """Write source, edit, the edit two frames late, and both panels in one file."""
    folder = tmp_path_factory.mktemp("clips")
    source, edit, motion = rendered
    clips = {
        "source": source,
        "edit": edit[SPARE:-SPARE],
        "late": edit[SPARE - 2 : -SPARE - 2],
        "panels": np.concatenate([source, edit[SPARE:-SPARE]], axis=2),
    }
    return {
        name: write_clip(folder / f"{name}.mp4", clip, fps=motion.fps)
        for name, clip in clips.items()
    }


def score(*arguments):
    """Run `synclora score`."""
    return CliRunner().invoke(app, ["score", *map(str, arguments)])


def test_the_table_names_every_cue_and_the_verdict(files):
    result = score(files["source"], files["edit"])
    assert result.exit_code == 0, result.output
    for word in ("yaw", "mouth", "blink", "offset", "accept"):
        assert word in result.output


def test_json_holds_the_whole_report(files):
    report = json.loads(score(files["source"], files["late"], "--json").output)
    assert report["verdict"] == "reject"
    assert report["offset"]["frames"] == 2
    assert any("late" in reason for reason in report["reasons"])


def test_two_panels_are_scored_as_halves_or_by_their_crops(files):
    halves = json.loads(score(files["panels"], "--side-by-side", "--json").output)
    crops = ("--crop", "0,0,128,128", "--crop", "128,0,256,128")
    by_crop = json.loads(score(files["panels"], files["panels"], *crops, "--json").output)
    assert halves == by_crop
    assert halves["verdict"] == "accept"


def test_the_plot_is_a_picture(files, tmp_path):
    path = tmp_path / "plot.png"
    assert score(files["source"], files["edit"], "--plot", path).exit_code == 0
    assert path.read_bytes().startswith(b"\x89PNG")


def test_an_edit_at_another_frame_rate_is_compared_by_time(files, rendered, tmp_path):
    every_frame_twice = np.repeat(rendered[1][SPARE:-SPARE], 2, axis=0)
    fast = write_clip(tmp_path / "fast.mp4", every_frame_twice, fps=24.0)
    report = json.loads(score(files["source"], fast, "--json").output)
    assert report["verdict"] == "accept"
    assert score_files(files["source"], fast).accepted


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["source"], "name the edited clip"),
        (["source", "edit", "--side-by-side"], "one clip that holds both panels"),
        (["panels", "--side-by-side", "--crop", "0,0,64,64"], "--side-by-side alone"),
        (["source", "edit", "--crop", "0,0,9000,64"], "reaches outside"),
        (["source", "edit", "--crop", "here"], "four whole numbers"),
    ],
)
def test_a_wrong_question_ends_in_one_clear_line(files, arguments, words):
    from synclora_lite.errors import SyncLoraError

    result = score(*[files.get(argument, argument) for argument in arguments])
    assert isinstance(result.exception, SyncLoraError | SystemExit)
    assert words in str(result.exception) + result.output


def test_a_clip_without_a_face_says_which(files, tmp_path):
    empty = write_clip(tmp_path / "empty.mp4", np.full((25, 128, 128, 3), 90, np.uint8), fps=12.0)
    result = score(files["source"], empty)
    assert (
        "no face in any of the 25 frames of the edited clip"
        in str(result.exception) + result.output
    )


def test_a_panel_that_lost_its_person_is_rejected_and_two_empty_ones_are_an_error(files, tmp_path):
    from synclora_lite.video import read_clip

    both = read_clip(files["panels"]).frames.copy()
    both[:, :, 128:] = 90
    half = write_clip(tmp_path / "half.mp4", both, fps=12.0)
    report = json.loads(score(half, "--side-by-side", "--json").output)
    assert report["verdict"] == "reject"
    assert report["reasons"][0] == "no face in 25 of 25 frames of the edit"
    empty = write_clip(tmp_path / "none.mp4", np.full_like(both, 90), fps=12.0)
    result = score(empty, "--side-by-side")
    assert "no face in any of the 25 frames" in str(result.exception) + result.output


def work(files):
    """Return the scoring of three pairs as joblib tasks."""
    others = ("edit", "late", "source")
    return [delayed(report_of)(files["source"], files[other]) for other in others]


def report_of(source, edited):
    """Score two files; a report as text crosses processes unchanged."""
    return json.dumps(score_files(source, edited).to_dict())


def test_two_processes_find_what_one_finds(files):
    assert Parallel(n_jobs=2)(work(files)) == Parallel(n_jobs=1)(work(files))


def test_a_dask_cluster_finds_what_one_process_finds(files):
    import dask
    from distributed import Client, LocalCluster

    patience = dict.fromkeys(("connect", "tcp"), "120s")  # machines that run tests are busy
    serial = Parallel(n_jobs=1)(work(files))
    with (
        dask.config.set({"distributed.comm.timeouts": patience}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster),
        parallel_config(backend="dask"),
    ):
        assert Parallel()(work(files)) == serial
