"""The command line as a whole: quick help, statuses 0, 1 and 2, and one line for any failure."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from synclora_lite import __version__
from synclora_lite.cli import COMMANDS, run
from synclora_lite.cli._errors import TRACEBACK, Stopped, describe, guarded
from synclora_lite.errors import ConfigError, SyncLoraError, VideoError
from synclora_lite.models.precision import check_device

HEAVY = ("torch", "diffusers", "transformers", "mediapipe", "cv2", "matplotlib", "pandas", "scipy")


def synclora(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the real thing in a process of its own."""
    command = [sys.executable, "-m", "synclora_lite.cli", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, **options
    )  # type: ignore[call-overload, no-any-return]


def test_help_of_every_command_imports_nothing_heavy() -> None:
    code = (
        "import sys; from synclora_lite.cli import COMMANDS, run\n"
        "statuses = [run(['--help']), *(run([name, '--help']) for name in COMMANDS)]\n"
        f"heavy = sorted(set({HEAVY!r}) & set(sys.modules))\n"
        "sys.exit(f'{heavy} {statuses}' if heavy or any(statuses) else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in COMMANDS)


def test_help_and_version_are_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"synclora-lite {__version__}\n"
    assert run(["--help"]) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["scor"],
        ["score"],
        ["score", "a.mp4", "b.mp4", "--nonsense"],
        ["score", "a.mp4", "b.mp4", "--crop"],
        ["pairs"],
        ["pairs", "built"],
        ["pairs", "build", "folder", "--pairs", "many"],
        ["train"],
        ["exam", "--method", "copy", "--clips", "0"],
        ["course", "teach"],
    ],
)
def test_a_command_line_that_makes_no_sense_is_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    told = capsys.readouterr().err
    assert "Error: " in told or "Usage: " in told
    assert "Traceback" not in told


def test_a_misspelt_command_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scor"]) == 2
    assert "Did you mean 'score'" in capsys.readouterr().err


FAILURES: dict[str, tuple[BaseException, str]] = {
    "ours": (VideoError("x.mp4 is empty", "a clip", "export it again"), "x.mp4 is empty; expected"),
    "several lines": (SyncLoraError("one\ntwo \x1b[31m"), "one two ?[31m"),
    "no file": (FileNotFoundError(2, "No such file or directory", "a.toml"), "directory: a.toml"),
    "a full disk": (OSError(28, "No space left on device"), "No space left on device"),
    "no memory": (MemoryError(), "out of memory"),
    "no memory for a folder": (OSError(12, "Cannot allocate memory", "x"), "out of memory"),
    "Ctrl-C": (KeyboardInterrupt(), "interrupted"),
    "SIGTERM": (Stopped(), "interrupted"),
    "no package": (ModuleNotFoundError("No module named 'x'"), "a package is missing"),
    "a fault of ours": (ZeroDivisionError("division by zero"), "unexpected ZeroDivisionError"),
    "a deep loop": (RecursionError("too deep"), "unexpected RecursionError"),
}


def raising(error: BaseException) -> Callable[[], None]:
    """Return a command that fails."""

    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize("name", FAILURES)
def test_any_failure_is_one_line_and_status_1(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error, words = FAILURES[name]
    assert guarded(raising(error)) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("Error: ")
    assert told.err.count("\n") == 1
    assert words in told.err


def test_what_fails_while_a_failed_command_ends_adds_no_line() -> None:
    code = (
        "import atexit, sys; from synclora_lite.cli import main\n"
        "atexit.register(lambda: 1 / 0); sys.argv[1:] = ['doctor', 'nothing.mp4']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1


def test_the_traceback_of_a_fault_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRACEBACK, "1")
    with pytest.raises(ZeroDivisionError):
        guarded(raising(ZeroDivisionError()))


def test_a_real_process_fails_in_one_line(tmp_path: Path) -> None:
    done = synclora("score", "no\nsuch.mp4", "other.mp4", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: 'no\\nsuch.mp4' does not exist; expected")
    assert done.stderr.count("\n") == 1


def test_output_that_cannot_be_written_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "synclora_lite.cli", "--help"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "Error: No space left on device\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_one_line_and_removes_what_was_half_done(
    number: signal.Signals, tmp_path: Path
) -> None:
    code = (
        "import signal, sys, time, synclora_lite.cli as cli\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a runner may ignore it
        "from synclora_lite.files import atomic_path\n"
        "def slow(*_, **__):\n"
        "    with atomic_path('out.txt') as path:\n"
        "        path.write_text('half'); print('ready', flush=True); time.sleep(60)\n"
        "cli.run = lambda arguments: cli.guarded(slow)\n"
        "cli.main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (1, "Error: interrupted\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["abacus", "", "cuda:99", "cpu:1", "cuda:", "mps:x", "CPU"])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="this machine has"):
        check_device(name)


def test_the_processor_is_always_there() -> None:
    check_device("cpu")
    check_device("cpu:0")


def test_weights_that_cannot_be_written_are_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(SafetensorError) as caught:
        save_file({"weights": torch.zeros(10)}, tmp_path / "nowhere" / "weights.safetensors")
    assert describe(caught.value).startswith("weights cannot be written (No such file")
