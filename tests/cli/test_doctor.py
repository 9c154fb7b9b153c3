import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from synclora_lite import artifacts
from synclora_lite.cli import doctor as room
from synclora_lite.errors import VideoError
from synclora_lite.video import write_clip
from tools import lock

app = typer.Typer()
app.command()(room.doctor)


@pytest.fixture
def healthy_models(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNCLORA_DATA", str(tmp_path))
    weights = tmp_path / "models" / "vae.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    lock.record([weights], command="x")
    monkeypatch.setattr(room, "ENOUGH_MEMORY", 0.0)
    return weights


def test_a_healthy_machine_gets_a_clean_bill(healthy_models):
    result = CliRunner().invoke(app)
    assert result.exit_code == 0, result.output
    assert "BAD" not in result.output
    for name in ("torch", "device", "memory", "ffmpeg", "landmarks", "models"):
        assert f"ok   {name}" in result.output


def test_a_damaged_model_is_found_with_what_to_do(healthy_models):
    healthy_models.write_bytes(b"damage")
    result = CliRunner().invoke(app)
    assert result.exit_code == 1
    assert "vae.safetensors differs from the lock" in result.output
    assert "git checkout data/models" in result.output


def test_a_machine_without_models_is_told_so_without_a_traceback(healthy_models):
    (healthy_models.parent / artifacts.LOCK).unlink()
    result = CliRunner().invoke(app)
    assert result.exit_code == 1
    assert "artifacts.lock.json does not exist" in result.output


def test_little_memory_is_a_finding(healthy_models, monkeypatch):
    monkeypatch.setattr(room, "ENOUGH_MEMORY", 1e6)
    result = CliRunner().invoke(app)
    assert result.exit_code == 1
    assert "close programs" in result.output


def test_a_missing_package_comes_with_the_command_that_installs_it(healthy_models, monkeypatch):
    monkeypatch.setattr(room, "PACKAGES", ("no-such-package",))
    result = CliRunner().invoke(app)
    assert result.exit_code == 1
    assert "pip install no-such-package" in result.output


def test_findings_can_be_read_by_programs(healthy_models):
    result = CliRunner().invoke(app, ["--json"])
    findings = {finding["name"]: finding for finding in json.loads(result.output)}
    assert findings["models"]["advice"] == ""
    assert findings["ffmpeg"]["found"]


def test_a_clip_tells_what_it_is_and_how_it_was_made(tmp_path):
    frames = np.zeros((5, 32, 48, 3), np.uint8)
    clip = write_clip(tmp_path / "a.mp4", frames, fps=12, metadata={"method": "copy"})
    told = json.loads(CliRunner().invoke(app, [str(clip)]).output)
    assert (told["clip"]["width"], told["clip"]["frames"]) == (48, 5)
    assert told["provenance"] == {"method": "copy"}


def test_a_clip_that_is_none_is_an_error(tmp_path):
    result = CliRunner().invoke(app, [str(tmp_path / "none.mp4")])
    assert isinstance(result.exception, VideoError)
