import json
import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from synclora_course import results
from synclora_lite import files
from synclora_lite.errors import ArtifactError


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "clip.mp4"
    target.write_text("old")
    with pytest.raises(RuntimeError), files.atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_temporary_path_keeps_the_suffix_and_the_folder(tmp_path):
    with files.atomic_path(tmp_path / "new" / "clip.mp4") as temporary:
        temporary.write_bytes(b"video")
        assert temporary.suffix == ".mp4"
        assert temporary.parent == tmp_path / "new"
    assert (tmp_path / "new" / "clip.mp4").read_bytes() == b"video"


def test_text_and_bytes_are_written_whole(tmp_path):
    assert files.write_atomic(tmp_path / "a", "é").read_bytes() == "é".encode()
    assert files.write_atomic(tmp_path / "a", b"\x00").read_bytes() == b"\x00"


def test_the_checksum_is_that_of_the_content(tmp_path):
    path = files.write_atomic(tmp_path / "a", "abc")
    assert files.sha256(path).startswith("ba7816bf8f01cfea")


def test_json_goes_there_and_back(tmp_path):
    value = {"name": "Zoë", "scores": [1, 2.5, None]}
    assert files.read_json(files.write_json(tmp_path / "a.json", value)) == value


@pytest.mark.parametrize("content", [None, "", "{", "\x00"])
def test_bad_json_is_an_artifact_error_that_names_the_file(tmp_path, content):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ArtifactError, match=r"a\.json"):
        files.read_json(path)


def test_rows_are_appended_and_an_unfinished_last_line_is_forgotten(tmp_path):
    path = tmp_path / "log.jsonl"
    files.append_jsonl(path, {"step": 1})
    with path.open("a") as stream:
        stream.write('{"step": 2, "lo')
    assert files.read_jsonl(path) == [{"step": 1}]
    files.append_jsonl(path, {"step": 3})
    assert files.read_jsonl(path) == [{"step": 1}, {"step": 3}]


def test_a_broken_line_in_the_middle_is_an_error(tmp_path):
    path = files.write_atomic(tmp_path / "log.jsonl", '{"a": 1}\n{"b"\n{"c": 3}\n')
    with pytest.raises(ArtifactError, match="line 2"):
        files.read_jsonl(path)


def test_a_missing_log_has_no_rows(tmp_path):
    assert files.read_jsonl(tmp_path / "none.jsonl") == []


def test_a_result_tells_where_it_came_from(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNCLORA_DATA", str(tmp_path))
    results.write_result("exam", {"psnr": 31.5}, command="synclora exam", seed=7)
    result = results.read_result("exam")
    assert set(result) == {"command", "seed", "commit", "machine", "values"}
    assert result["values"] == {"psnr": 31.5}
    assert json.loads((tmp_path / "results" / "exam.json").read_text()) == result


def test_a_data_folder_that_does_not_exist_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("SYNCLORA_DATA", str(tmp_path / "none"))
    with pytest.raises(ArtifactError, match="SYNCLORA_DATA"):
        files.data_dir()


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, synclora_lite, synclora_lite.errors, synclora_lite.files, synclora_lite.cli;"
        "heavy = {'torch', 'diffusers', 'mediapipe', 'cv2', 'matplotlib'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


text = st.text(max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.dictionaries(text, text, max_size=2), max_size=3))
@example([{"a": "x\u2028y\x85\x0c\r\n"}, {}])
def test_rows_hold_any_text(tmp_path, rows):
    path = tmp_path / "log.jsonl"
    path.unlink(missing_ok=True)
    for row in rows:
        files.append_jsonl(path, row)
    assert files.read_jsonl(path) == rows


def test_text_that_is_not_utf_8_is_an_artifact_error(tmp_path):
    path = files.write_atomic(tmp_path / "log.jsonl", b'{"a": "\xff"}\n{}\n')
    with pytest.raises(ArtifactError, match="line 1"):
        files.read_jsonl(path)
    with pytest.raises(ArtifactError, match="not JSON"):
        files.read_json(path)


def test_a_last_letter_cut_in_half_is_forgotten(tmp_path):
    path = files.write_atomic(tmp_path / "log.jsonl", '{"a": 1}\n{"b": "ü'.encode()[:-1])
    assert files.read_jsonl(path) == [{"a": 1}]


def test_files_are_utf_8_whatever_the_locale(tmp_path):
    value = {"name": "Zoë"}
    files.write_json(tmp_path / "a.json", value)
    files.append_jsonl(tmp_path / "a.jsonl", value)
    code = (
        "from synclora_lite.files import read_json, read_jsonl;"
        "assert [read_json('a.json')] == read_jsonl('a.jsonl') == [{'name': 'Zo\\xeb'}]"
    )
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environment = {**os.environ, **locale, "PYTHONPATH": str(files.PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, stderr=subprocess.PIPE,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
