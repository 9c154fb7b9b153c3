import random
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import mediapy
import numpy as np
import pytest
import torch

from synclora_course.errors import CourseError
from synclora_course.install import ARCHIVE
from synclora_course.notebook import CHAPTERS, begin, binder_url, first_cell, nbgitpuller_url
from synclora_lite import REPOSITORY
from synclora_lite.files import PROJECT, data_dir

STUDENT = "notebooks/student/03_sync_scores.ipynb"


def test_begin_prints_what_the_notebook_runs_on(capsys):
    begin("03")
    printed = capsys.readouterr().out
    assert "03_sync_scores" in printed
    assert f"torch {torch.__version__.split('+')[0]}" in printed
    assert "GiB memory free" in printed


def test_begin_makes_random_numbers_repeat():
    draws = []
    for _ in range(2):
        begin("00", seed=5)
        draws.append((random.random(), np.random.rand(), torch.rand(()).item()))  # noqa: NPY002
    assert draws[0] == draws[1]


def test_begin_lets_mediapy_write_videos():
    begin("00")
    video = mediapy.compress_video(np.zeros((3, 32, 32, 3), np.uint8), fps=12)
    assert b"ftyp" in video[:32]


def test_begin_lets_mediapy_read_videos():
    begin("00")
    assert mediapy.read_video(data_dir() / "clips" / "hat.mp4").shape[1:] == (96, 96, 3)


def test_begin_knows_the_chapters_only():
    with pytest.raises(CourseError, match="no chapter '3'; expected one of 00, 01"):
        begin("3")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_first_cell_installs_only_where_the_package_is_missing(chapter):
    lines = first_cell(chapter).splitlines()
    assert lines.index("except ImportError:") < lines.index(
        f"    %pip install -q --no-deps {ARCHIVE}"
    )
    assert lines[-1] == f'begin("{chapter}")'


def test_the_command_line_does_not_load_what_notebooks_need():
    code = "import sys, synclora_lite.cli; assert 'synclora_course.notebook' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_hubs_open_the_student_notebook():
    query = parse_qs(urlsplit(nbgitpuller_url("https://hub.example.org/", "03")).query)
    assert query["repo"] == [REPOSITORY]
    assert query["urlpath"] == [f"lab/tree/{REPOSITORY.split('/')[-1]}/{STUDENT}"]
    address = urlsplit(binder_url("03"))
    assert address.path == f"/v2/gh/{REPOSITORY.removeprefix('https://github.com/')}/main"
    assert parse_qs(address.query) == {"urlpath": [f"lab/tree/{STUDENT}"]}
    assert (PROJECT / STUDENT).exists()
