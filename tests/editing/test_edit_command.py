"""`synclora edit`: a clip, its record and a page; or one line that says what is wrong."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synclora_lite.cli import run
from synclora_lite.editing.report import Outputs
from synclora_lite.portraits import held_out, render_clip
from synclora_lite.video import Clip, read_clip, read_metadata, write_clip, write_image

SIZE, FRAMES = 96, 9


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a source clip, its edited first frame, and files that are none."""
    folder = tmp_path_factory.mktemp("inputs")
    case = held_out(4, 1, frames=FRAMES)[0]
    source = render_clip(case.source, case.motion, SIZE)
    edited = render_clip(case.edited, case.motion, SIZE)[0]
    write_clip(folder / "source.mp4", Clip(source, 12.5))
    write_image(folder / "edited.png", edited)
    write_image(folder / "narrow.png", np.ascontiguousarray(edited[:, 30:]))
    Image.fromarray(edited).convert("L").save(folder / "grey.png")
    clear = Image.fromarray(edited).convert("RGBA")
    clear.putalpha(90)
    clear.save(folder / "clear.png")
    Image.fromarray(edited[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    (folder / "empty.mp4").touch()
    (folder / "words.mp4").write_text("not a video")
    whole = (folder / "source.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 3])
    write_clip(folder / "faceless.mp4", np.full((9, SIZE, SIZE, 3), 128, np.uint8), fps=12)
    write_clip(folder / "still.mp4", source[:1], fps=12)
    return folder


@pytest.fixture
def edit():  # type: ignore[no-untyped-def]
    """Run the command with some options; returns its exit status."""

    def command(source: Path, first_frame: Path, out: Path, *options: str) -> int:
        paths = [str(source), "--first-frame", str(first_frame), "--out", str(out)]
        return run(["edit", *paths, *options])

    return command


def test_writes_clip_record_and_page(  # type: ignore[no-untyped-def]
    edit, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, page = tmp_path / "out.mp4", tmp_path / "out.html"
    options = ("--method", "copy", "--json")
    assert edit(inputs / "source.mp4", inputs / "edited.png", out, *options) == 0
    printed = json.loads(capsys.readouterr().out)
    clip = read_clip(out)
    assert (len(clip), clip.size, clip.fps) == (FRAMES, (SIZE, SIZE), 12.5)
    record = json.loads((tmp_path / "out.mp4.json").read_text())
    assert record["provenance"] == printed["provenance"] == read_metadata(out)
    assert len(record["output"]["file_sha256"]) == 64
    assert record["sync"]["verdict"] == "accept"
    text = page.read_text()
    assert "source.mp4 edited from edited.png" in text
    assert not re.search(r"https?://", text)
    assert record["provenance"]["first_frame"]["file_sha256"] in text


def test_a_second_edit_of_the_same_output_is_refused(  # type: ignore[no-untyped-def]
    edit, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mp4"
    with Outputs(out, out.with_suffix(".html")).held():
        assert edit(inputs / "source.mp4", inputs / "edited.png", out, "--method", "copy") == 1
        assert "another edit is about to write" in capsys.readouterr().err
        assert not out.exists()
    assert edit(inputs / "source.mp4", inputs / "edited.png", out, "--method", "copy") == 0


def test_an_edit_out_of_sync_is_written_and_has_a_status_of_its_own(  # type: ignore[no-untyped-def]
    edit, inputs: Path, tmp_path: Path
) -> None:
    paths = (inputs / "source.mp4", inputs / "edited.png", tmp_path / "out.mp4")
    assert edit(*paths, "--method", "i2v", "--steps", "1") == 3
    assert json.loads((tmp_path / "out.mp4.json").read_text())["sync"]["verdict"] == "reject"
    assert edit(*paths, "--method", "i2v", "--steps", "1", "--no-strict") == 0


def test_the_page_escapes_names(  # type: ignore[no-untyped-def]
    edit, inputs: Path, tmp_path: Path
) -> None:
    evil = tmp_path / "<img src=x onerror=alert(1)>.mp4"
    evil.write_bytes((inputs / "source.mp4").read_bytes())
    page = tmp_path / "page.html"
    options = ("--method", "copy", "--report", str(page))
    assert edit(evil, inputs / "edited.png", tmp_path / "out.mp4", *options) == 0
    assert "<img src=x" not in page.read_text()
    assert "&lt;img src=x onerror=alert(1)&gt;.mp4" in page.read_text()


@pytest.mark.parametrize(
    ("source", "first_frame", "words"),
    [
        ("missing.mp4", "edited.png", "missing.mp4"),
        ("empty.mp4", "edited.png", "empty"),
        ("words.mp4", "edited.png", "words.mp4"),
        ("cut.mp4", "edited.png", "cut.mp4"),
        ("faceless.mp4", "edited.png", "no face in the source"),
        ("still.mp4", "edited.png", "one frame"),
        ("source.mp4", "missing.png", "missing.png"),
        ("source.mp4", "words.mp4", "words.mp4"),
        ("source.mp4", "narrow.png", "same aspect"),
        ("source.mp4", "grey.png", "colour mode L"),
        ("source.mp4", "clear.png", "transparent"),
        ("source.mp4", "deep.png", "16 bits"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(  # type: ignore[no-untyped-def]
    edit,
    source: str,
    first_frame: str,
    words: str,
    inputs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out.mp4"
    options = ("--method", "copy", "--report", str(tmp_path / "out.html"))
    assert edit(inputs / source, inputs / first_frame, out, *options) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert error.count("\n") == 1
    assert words in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--method", "magic"), "no method named 'magic'"),
        (("--method", "i2v", "--model", "nowhere"), "no model 'nowhere'"),
        (("--method", "copy", "--report", "page.txt"), "ending in .html"),
        (("--method", "copy", "--crop", "0,0,9"), "four whole numbers"),
    ],
)
def test_bad_options_are_named(  # type: ignore[no-untyped-def]
    edit,
    options: tuple[str, ...],
    words: str,
    inputs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = edit(inputs / "source.mp4", inputs / "edited.png", tmp_path / "out.mp4", *options)
    assert status == 1
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_input_is_never_overwritten(  # type: ignore[no-untyped-def]
    edit, inputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = inputs / "source.mp4"
    before = source.read_bytes()
    assert edit(source, inputs / "edited.png", source, "--method", "copy") == 1
    assert "input and output" in capsys.readouterr().err
    assert source.read_bytes() == before


def test_grey_pictures_are_taken_on_request(  # type: ignore[no-untyped-def]
    edit, inputs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    options = ("--method", "copy", "--convert")
    assert edit(inputs / "source.mp4", inputs / "grey.png", out, *options) == 0
    first = read_clip(out).frames[0].astype(int)
    assert np.ptp(first, axis=-1).mean() < 6


def test_an_edit_is_the_method_itself_unless_restoration_is_asked_for(  # type: ignore[no-untyped-def]
    edit, inputs: Path, tmp_path: Path
) -> None:
    paths = (inputs / "source.mp4", inputs / "edited.png", tmp_path / "out.mp4")
    for options, wanted in (((), False), (("--restore",), True)):
        assert edit(*paths, "--steps", "1", "--no-strict", *options) == 0
        record = json.loads((tmp_path / "out.mp4.json").read_text())
        assert record["provenance"]["method"] == "sync-lora"
        assert record["provenance"]["restore"] is wanted


def test_old_words_answer_with_a_line_that_says_the_new_one(  # type: ignore[no-untyped-def]
    edit, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = (inputs / "source.mp4", inputs / "edited.png", tmp_path / "out.mp4")
    assert edit(*paths, "--method", "bend-warp", "--no-strict") == 0
    assert "Note: bend-warp is now deformation-propagation" in capsys.readouterr().err
    record = json.loads((tmp_path / "out.mp4.json").read_text())
    assert record["provenance"]["method"] == "deformation-propagation"
    assert edit(*paths, "--steps", "1", "--sync-guidance=1.5", "--no-strict") == 0
    assert "Note: --sync-guidance is now --guidance" in capsys.readouterr().err
    record = json.loads((tmp_path / "out.mp4.json").read_text())
    assert record["provenance"]["guidance"] == 1.5
