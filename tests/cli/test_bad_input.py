"""Every command, given every kind of bad file: status 1, one line, and nothing left behind."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from synclora_lite.cli import run
from synclora_lite.files import data_dir
from synclora_lite.video import crop, read_clip, read_image, write_clip, write_image
from tests.video.clips import moving_clip

CLIPS = data_dir() / "clips"
GOOD, PICTURE = CLIPS / "hat.mp4", CLIPS / "hat-edited.png"
Spoil = Callable[[Path], object]

BAD_CLIPS: dict[str, tuple[Spoil, str]] = {
    "missing": (lambda path: None, "bad.mp4"),
    "a folder": (lambda path: path.mkdir(), "bad.mp4"),
    "empty": (lambda path: path.touch(), "is empty"),
    "truncated": (
        lambda path: path.write_bytes(GOOD.read_bytes()[: GOOD.stat().st_size * 2 // 3]),
        "damaged or cut short",
    ),
    "no video": (lambda path: path.write_bytes(PICTURE.read_bytes()), "video"),
    "text": (lambda path: path.write_text("a letter\n" * 100), "video"),
    "too small": (lambda path: write_clip(path, moving_clip(9, 10, 10)), "only 10x10"),
    "faceless": (lambda path: write_clip(path, moving_clip(17, 96, 96)), "face"),
}
BAD_PICTURES: dict[str, tuple[Spoil, str]] = {
    "missing": (lambda path: None, "does not exist"),
    "empty": (lambda path: path.touch(), "is empty"),
    "truncated": (lambda path: path.write_bytes(PICTURE.read_bytes()[:2000]), "picture"),
    "a clip": (lambda path: path.write_bytes(GOOD.read_bytes()), "picture"),
    "text": (lambda path: path.write_text("a letter\n" * 100), "picture"),
    "too small": (lambda path: write_image(path, np.zeros((9, 9, 3), np.uint8)), "only 9x9"),
    "another aspect": (
        lambda path: write_image(path, read_image(PICTURE)[:, 20:-20].copy()),
        "aspect",
    ),
    "faceless": (lambda path: write_image(path, moving_clip(1, 96, 96).frames[0]), "face"),
}
OUTPUTS = ("--out", "{out}.mp4", "--report", "{out}.html", "--method", "copy")
CLIP_COMMANDS: dict[str, tuple[str, ...]] = {
    "score, source": ("score", "{bad}", "{good}", "--plot", "{out}.png"),
    "score, edit": ("score", "{good}", "{bad}", "--plot", "{out}.png"),
    "score, panels": ("score", "--side-by-side", "{bad}", "--plot", "{out}.png"),
    "pairs add": ("pairs", "add", "{out}", "{bad}", "{good}"),
    "doctor": ("doctor", "{bad}"),
    "edit": ("edit", "{bad}", "--first-frame", "{picture}", *OUTPUTS),
}


def fails(
    arguments: list[str], words: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Assert that a command line fails in one line with these words and leaves no file."""
    before = files(folder)
    status = run(arguments)
    told = capfd.readouterr()
    assert status == 1, told
    assert told.err.startswith("Error: "), told.err
    assert told.err.count("\n") == 1, told.err
    assert "fault of the program" not in told.err, told.err
    assert words in told.err
    assert told.out == ""
    assert files(folder) == before


def files(folder: Path) -> list[Path]:
    """Return the files in a folder, at any depth, but for the locks of its users."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")


def filled(arguments: tuple[str, ...], bad: Path, out: Path) -> list[str]:
    """Return the arguments with the names of files put in."""
    return [text.format(bad=bad, good=GOOD, picture=PICTURE, out=out) for text in arguments]


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (command, kind)
        for command in CLIP_COMMANDS
        for kind in BAD_CLIPS
        # A clip needs no face to be described, or to be added: scoring rejects the pair.
        if not (command in ("pairs add", "doctor") and kind == "faceless")
    ],
)
def test_a_bad_clip(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], command: str, kind: str
) -> None:
    spoil, words = BAD_CLIPS[kind]
    bad = tmp_path / "bad.mp4"
    spoil(bad)
    fails(filled(CLIP_COMMANDS[command], bad, tmp_path / "out"), words, tmp_path, capfd)


@pytest.mark.parametrize("kind", BAD_PICTURES)
def test_a_bad_first_frame(tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str) -> None:
    spoil, words = BAD_PICTURES[kind]
    bad = tmp_path / "bad.png"
    spoil(bad)
    arguments = ("edit", "{good}", "--first-frame", "{bad}", *OUTPUTS)
    fails(filled(arguments, bad, tmp_path / "out"), words, tmp_path, capfd)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--out", "{out}.avi"),
        ("--out", "{out}.mp4", "--method", "magic"),
        ("--out", "{out}.mp4", "--model", "{out}"),
        ("--out", "{out}.mp4", "--adapter", "{out}"),
        ("--out", "{out}.mp4", "--crop", "0,0,5,5"),
        ("--out", "{out}.mp4", "--device", "abacus"),
        ("--out", "{out}.mp4", "--report", "{out}.txt"),
        ("--out", "{good}"),
        ("--out", "{good}/out.mp4", "--method", "copy"),
    ],
)
def test_a_bad_option_of_edit(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    whole = ("edit", "{good}", "--first-frame", "{picture}", *arguments)
    fails(filled(whole, tmp_path / "bad", tmp_path / "out"), "", tmp_path, capfd)


def test_the_doctor_tells_where_an_edited_clip_came_from(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mp4"
    arguments = ["--first-frame", str(PICTURE), "--out", str(out), "--method", "copy"]
    assert run(["edit", str(GOOD), *arguments]) == 0
    capfd.readouterr()
    assert run(["doctor", str(out)]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["clip"]["frames"] == 17
    assert told["provenance"]["method"] == "copy"


def test_one_clip_where_two_are_needed(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    fails(["score", str(GOOD)], "--side-by-side", tmp_path, capfd)


@pytest.mark.parametrize("box", ["1,2,3", "0,0,9999,9999", "a,b,c,d", "0,0,4,4"])
def test_a_bad_crop(capfd: pytest.CaptureFixture[str], tmp_path: Path, box: str) -> None:
    fails(["score", str(GOOD), str(GOOD), "--crop", box], "crop", tmp_path, capfd)


def test_a_crop_without_the_face(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    corner = write_clip(tmp_path / "corner.mp4", crop(read_clip(GOOD), (0, 0, 24, 24)))
    fails(["score", str(GOOD), str(corner)], "face", tmp_path, capfd)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds one pair of clips."""
    folder = tmp_path_factory.mktemp("pair")
    assert run(["pairs", "add", str(folder), str(GOOD), str(CLIPS / "hat-truth.mp4")]) == 0
    return folder


@pytest.mark.parametrize("command", ["score", "export"])
@pytest.mark.parametrize("kind", ["missing", "empty", "truncated", "text"])
def test_a_pair_whose_clip_was_spoiled(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], pair: Path, command: str, kind: str
) -> None:
    folder = shutil.copytree(pair, tmp_path / "pair")
    (clip,) = (folder / "edited").iterdir()
    clip.unlink()
    BAD_CLIPS[kind][0](clip)
    arguments = {"score": [], "export": [str(tmp_path / "out")]}[command]
    fails(["pairs", command, str(folder), *arguments], "missing or changed", tmp_path, capfd)


TEXTS: dict[str, bytes] = {
    "empty": b"",
    "noise": bytes(range(256)) * 20,
    "cut": b'{"id": "a", "sou\n{}\n',
    "not ours": b'[1, 2, 3]\n{"a": 1}\n',
    "nan": b'loop = nan\n[loop]\nsteps = "many"\n',
}
TEXT_COMMANDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "train": ("config.toml", ("train", "{bad}")),
    "pairs score": ("manifest.jsonl", ("pairs", "score", "{bad}")),
    "pairs filter": ("manifest.jsonl", ("pairs", "filter", "{bad}")),
    "pairs realign": ("manifest.jsonl", ("pairs", "realign", "{folder}")),
    "pairs export": ("manifest.jsonl", ("pairs", "export", "{bad}", "{out}")),
    "pairs import": ("metadata.jsonl", ("pairs", "import", "{out}", "{folder}")),
    "course check": ("homework.ipynb", ("course", "check", "{bad}")),
}


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (command, kind)
        for command in TEXT_COMMANDS
        for kind in ["missing", *TEXTS]
        # A manifest of no pairs is how a build begins.
        if not (command.startswith("pairs") and kind == "empty")
    ],
)
def test_a_bad_manifest_configuration_or_notebook(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], command: str, kind: str
) -> None:
    name, arguments = TEXT_COMMANDS[command]
    folder = tmp_path / "folder"
    folder.mkdir()
    if kind != "missing":
        (folder / name).write_bytes(TEXTS[kind])
    names = {"bad": folder / name, "folder": folder, "out": tmp_path / "out"}
    fails([text.format(**names) for text in arguments], "", tmp_path, capfd)


@pytest.mark.parametrize(
    "arguments",
    [
        ("exam", "--method", "magic", "--clips", "1", "--out", "{out}"),
        ("exam", "--method", "sync-lora", "--clips", "1", "--model", "{out}", "--out", "{out}"),
        ("pairs", "build", "{out}", "--builder", "magic", "--pairs", "1"),
        ("pairs", "build", "{out}", "--kind", "magic", "--pairs", "1"),
    ],
)
def test_a_name_that_does_not_exist(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    fails(filled(arguments, tmp_path / "bad", tmp_path / "out"), "", tmp_path, capfd)
