"""A short form of the script `places` that mounts nothing: limits on file sizes and on memory."""

import subprocess
import sys
from pathlib import Path

from synclora_lite.cli import run
from synclora_lite.pairs import read_manifest
from synclora_lite.pairs.manifest import intact
from tests.robustness.kills import contents, half_written
from tests.robustness.places import COMMANDS, GIGABYTE, start, told, wrong_ending

SMALL = (
    "import resource, signal, sys; from synclora_lite.cli import main;"
    "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    "resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0})); sys.argv[1:] = {1!r}; main()"
)


def test_a_build_without_room_keeps_what_it_has_and_goes_on(tmp_path: Path) -> None:
    words = ["pairs", "build", str(tmp_path), "--pairs", "3", "--size", "64", "--frames", "5"]
    code = SMALL.format(1000, words)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert wrong_ending(done.returncode, done.stderr.strip()) == ""
    assert half_written(tmp_path) == []
    assert [name for name in contents(tmp_path) if "/." in name] == []
    assert run(words) == 0
    assert all(intact(tmp_path, pair) for pair in read_manifest(tmp_path))


def test_an_edit_with_a_gigabyte_of_memory_is_done_or_says_why_not(tmp_path: Path) -> None:
    command = COMMANDS["edit"]
    command.prepare(tmp_path)
    status, error = told(start(command, tmp_path, memory=GIGABYTE))
    assert status == 0 or wrong_ending(status, error) == "", error
    assert half_written(tmp_path) == []
