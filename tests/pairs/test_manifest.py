"""Manifests: read back as written, and never a way out of their folder."""

import json
import random
from contextlib import suppress

import pytest

from synclora_lite.errors import PairError
from synclora_lite.files import append_jsonl
from synclora_lite.pairs import Pair, locate, read_manifest, write_manifest


def test_rows_read_back_as_they_were(built, tmp_path):
    folder, pairs = built
    write_manifest(tmp_path, pairs)
    assert read_manifest(tmp_path) == pairs
    assert (tmp_path / "manifest.jsonl").read_bytes() == (folder / "manifest.jsonl").read_bytes()


def test_words_of_any_script_survive(built, tmp_path):
    row = built[1][0].to_row() | {"parameters": {"name": "a\u2028b \x85 ü '\"\\\n"}}
    write_manifest(tmp_path, [Pair.from_row(row)])
    assert read_manifest(tmp_path)[0].parameters == row["parameters"]


@pytest.mark.parametrize(
    "path", ["../x.mp4", "/etc/passwd", "source/../../x", "", ".", "a\\..\\b", "x\0y", "link/x.mp4"]
)
def test_no_path_leads_out_of_the_folder(tmp_path, path):
    folder = tmp_path / "pairs"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(PairError, match=r"inside the folder|leads out of its folder"):
        locate(folder, path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_manifest_from_windows_is_read(built, tmp_path, encoding):
    folder, (pair, *_) = built
    row = pair.to_row()
    row["files"]["source"] |= {"path": pair.source.path.replace("/", "\\")}
    (tmp_path / "manifest.jsonl").write_bytes((json.dumps(row) + "\r\n").encode(encoding))
    (read,) = read_manifest(tmp_path)
    assert locate(folder, read.source.path) == locate(folder, pair.source.path)
    assert locate(folder, f"C:\\Users\\me\\set\\{read.source.path}").is_file()


def test_a_last_line_without_a_line_break_is_kept_if_it_is_whole(built, tmp_path):
    rows = [json.dumps(pair.to_row()) for pair in built[1][:2]]
    path = tmp_path / "manifest.jsonl"
    path.write_text("\n".join(rows))
    assert len(read_manifest(tmp_path)) == 2
    append_jsonl(path, built[1][0].to_row() | {"id": "third"})
    assert len(read_manifest(tmp_path)) == 3
    path.write_text(rows[0] + "\n" + rows[1][:50])
    assert len(read_manifest(tmp_path)) == 1


def test_a_missing_manifest_says_what_to_do(tmp_path):
    with pytest.raises(PairError, match="synclora pairs build"):
        read_manifest(tmp_path)


def test_a_pair_listed_twice_is_refused(built, tmp_path):
    write_manifest(tmp_path, [built[1][0]] * 2)
    with pytest.raises(PairError, match="twice"):
        read_manifest(tmp_path)


BROKEN = [
    {"id": "../x"},
    {"id": 7},
    {"frames": 0},
    {"frames": True},
    {"fps": 0},
    {"fps": 10**400},
    {"weight": float("nan")},
    {"seed": "1"},
    {"weight": 2},
    {"verdict": "maybe"},
    {"files": {}},
    {"files": {"source": {"path": "a", "sha256": "zz"}, "edited": {}}},
    {"parameters": []},
    {"parameters": {"half a character": ["\ud800"]}},
    {"id": "a" * 201},
]


@pytest.mark.parametrize("change", BROKEN)
def test_a_broken_field_is_named_with_its_line(built, tmp_path, change):
    row = built[1][0].to_row() | change
    (tmp_path / "manifest.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(PairError, match="line 1"):
        read_manifest(tmp_path)


def test_mutated_manifests_are_read_or_refused_but_never_crash(built, tmp_path):
    whole = (built[0] / "manifest.jsonl").read_bytes()
    clock, path = random.Random(0), tmp_path / "manifest.jsonl"
    for _ in range(500):
        mutated = bytearray(whole)
        for _ in range(clock.randint(1, 8)):
            place = clock.randrange(len(mutated))
            mutated[place : place + clock.randint(0, 3)] = clock.randbytes(clock.randint(0, 3))
        path.write_bytes(bytes(mutated))
        with suppress(PairError):
            read_manifest(tmp_path)
    path.write_text("[" * 100_000 + "\n")
    with pytest.raises(PairError, match="not JSON"):
        read_manifest(tmp_path)
