"""The student's file: what is collected, what stands in, and the edit that it makes."""

import ast
import sys

import numpy as np
import pytest
import torch

from synclora_course.errors import CourseError
from synclora_course.growing import FILE, SOLVED, bring, collect, part
from synclora_lite import core
from synclora_lite.files import data_dir
from synclora_lite.models import decode, encode, load_adapter, load_model, to_frames, to_model_range
from synclora_lite.video import read_clip

CELL = """
import math as m
import torch
from torch.nn.functional import pad as padded

def half(x):
    return x / 2

def rotate(x, angles):
    return m.pi * half(padded(x, (0, 0)))
"""


@pytest.fixture
def cells(tmp_path, monkeypatch):
    """Run text as the cells of a notebook in an empty folder; return their names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "my_synclora", raising=False)

    def run(text):
        (tmp_path / "cells.py").write_text(text)
        names = {"__name__": "__main__"}
        exec(compile(text, str(tmp_path / "cells.py"), "exec"), names)
        return names

    return run


def defined(folder):
    tree = ast.parse((folder / FILE).read_text())
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]


def test_a_function_is_written_with_what_it_needs(cells, tmp_path):
    collect(cells(CELL)["rotate"])
    text = (tmp_path / FILE).read_text()
    assert "# ==== 4.4 rotate: mine ====" in text
    assert text.index("import math as m\n") < text.index("def ")
    assert "from torch.nn.functional import pad as padded\n" in text
    assert part("rotate")(torch.ones(2), None).tolist() == [np.float32(np.pi / 2)] * 2


def test_collecting_again_replaces_and_keeps_the_order(cells, tmp_path):
    collect(cells(CELL)["rotate"])
    collect(cells("def euler(velocity, noise, sigmas):\n    return noise")["euler"])
    collect(cells("def rotate(x, angles):\n    return 3 * x")["rotate"])
    names = defined(tmp_path)
    assert len(names) == len(set(names))
    assert names.index("noise_and_velocity") < names.index("euler") < names.index("rotate")
    assert part("rotate")(2, None) == 6
    assert part("euler")(None, 5, None) == 5


def test_imports_that_no_function_needs_any_more_go(cells, tmp_path):
    collect(cells("import os.path\ndef euler(v, x, s):\n    return os.path")["euler"])
    collect(cells(CELL)["rotate"])
    collect(cells("import cmath as m\ndef rotate(x, a):\n    return m.pi * x")["rotate"])
    text = (tmp_path / FILE).read_text()
    assert "import os\n" in text
    assert "import cmath as m\n" in text
    assert "import math as m\n" not in text
    assert "padded" not in text
    assert part("rotate")(1, None) == np.pi


def test_a_skipped_part_is_the_books_and_said_so(cells, tmp_path, capsys):
    collect(cells("def rotate(x, angles):\n    return 3 * x")["rotate"])
    capsys.readouterr()
    part("rotate")
    assert capsys.readouterr().out == ""
    part("transformer_block")
    assert "book's solution stands in: transformer_block (4.6)" in capsys.readouterr().out
    bring("sample")
    said = capsys.readouterr().out
    assert "euler (4.2)" in said
    assert "rotate" not in said
    from my_synclora import rotate, sample

    assert rotate(1, None) == 3
    assert callable(sample)


def test_a_later_part_calls_the_newest_earlier_one(cells):
    block = part("self_attention")
    collect(cells("def attend_with_reference(q, k, v, r):\n    return v")["attend_with_reference"])
    assert block.__globals__["attend_with_reference"](1, 2, 3, 4) == 3


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            "from synclora_lite.core import rotate as it\ndef rotate(x, a):\n    return it(x, a)",
            "own",
        ),
        ("size = 3\ndef rotate(x, a):\n    return size * x", "only this notebook knows"),
    ],
)
def test_the_file_takes_no_part_of_the_package_and_no_loose_value(cells, text, what):
    with pytest.raises(CourseError, match=what):
        collect(cells(text)["rotate"])


def test_a_damaged_file_is_told(cells, tmp_path):
    (tmp_path / FILE).write_text("# ==== 4.2 euler: mine ====\ndef euler(:\n")
    with pytest.raises(CourseError, match="does not run"):
        part("euler")


def test_the_grown_file_edits_as_the_package_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "my_synclora", raising=False)
    bring("resume")
    imported = {
        name
        for node in ast.walk(ast.parse((tmp_path / FILE).read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    }
    assert not any(str(name).startswith("synclora") for name in imported)
    import my_synclora as mine

    folder = data_dir() / "models" / "lite-adapter"
    source = read_clip(data_dir() / "clips" / "hat.mp4").frames
    truth = read_clip(data_dir() / "clips" / "hat-truth.mp4").frames
    model, size, steps = load_model("lite"), 96, 3
    with torch.no_grad():
        reference, first = (
            encode(model, to_model_range(torch.from_numpy(clip)[None]))
            for clip in (source, truth[:1])
        )
        noise = torch.randn(reference.shape, generator=torch.Generator().manual_seed(1))
        levels = core.inference_sigmas(model.scheduler, steps, noise[0, 0].numel())
        settings = load_adapter(model.transformer, folder)
        known = model.conditioning(noise.shape[2:], reference, settings.layout)
        ours = core.sample(model.transformer, first, noise, levels, known)
        transformer = load_model("lite").transformer
        mine.load_lora(transformer, folder)
        place = mine.token_positions(
            *noise.shape[2:], model.spatial_ratio, model.temporal_ratio, model.frame_rate
        )
        predict = mine.predictor(transformer, model.caption, place, reference)
        yours = mine.sample(predict, first, noise, mine.noise_levels(steps, model.scheduler.shift))
        pictures = [to_frames(decode(model, made))[0].numpy() for made in (ours, yours)]
    assert pictures[0].shape == truth.shape == (*truth.shape[:1], size, size, 3)
    ours_db, yours_db = (psnr_of(truth, made) for made in pictures)
    assert abs(ours_db - yours_db) < 0.1


def psnr_of(truth, made):
    return 20 * np.log10(255 / np.sqrt(np.mean((truth.astype(float) - made) ** 2)))


def test_the_solved_parts_are_all_of_the_method():
    tree = ast.parse(SOLVED.read_text())
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {
        "token_positions",
        "transformer_block",
        "flow_loss",
        "sample",
        "with_reference",
        "attend_with_reference",
        "inject",
        "train_step",
        "resume",
    } <= names
