"""A short run of the script `texts`, and properties that hold for any input at all."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from synclora_course.tiny_ltx import tiny_model
from synclora_lite.errors import ArtifactError, ModelError, PairError, SyncLoraError
from synclora_lite.files import read_json
from synclora_lite.models import (
    AdapterSettings,
    add_adapter,
    load_adapter,
    load_model,
    save_adapter,
    save_model,
)
from synclora_lite.models.model import check_config
from synclora_lite.pairs import Pair, read_manifest
from synclora_lite.pairs.manifest import locate
from synclora_lite.settings import build
from synclora_lite.tensors import read_tensors
from synclora_lite.training import AdapterConfig
from synclora_lite.video import parse_box
from tests.robustness.ledger import Ledger
from tests.robustness.texts import READERS, cases, good_files, run_cases

ROW = {
    "id": "a",
    "files": {side: {"path": "a.mp4", "sha256": "0" * 64} for side in ("source", "edited")},
    **dict.fromkeys(("builder", "kind", "caption"), "hat"),
    **dict.fromkeys(("seed", "verdict", "weight", "score")),
    "parameters": {},
    "frames": 5,
    "fps": 12.0,
}
TABLE = {"bank": "b", "loop": {"steps": 1, "lr": 0.1}, "identical": [1.0, 0.0], "flow": {}}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def test_no_spoiled_text_is_lost(tmp_path: Path) -> None:
    good_files(tmp_path / "good")
    ledger = Ledger("texts", {}, tmp_path)
    run_cases(cases(tmp_path / "good", 2 * len(READERS), seed=11), tmp_path / "good", ledger)
    assert ledger.lost == []
    assert len(ledger.rows) == 2 * len(READERS)


def refusal(work: Callable[[], object]) -> str:
    """Return in what words work was refused, "" if it was done; anything else is a failure."""
    try:
        work()
    except SyncLoraError as error:
        return str(error)
    return ""


@FEW
@given(st.sampled_from(sorted(ROW)), ANYTHING)
def test_a_row_of_a_manifest_is_a_pair_or_refused(name: str, value: Any) -> None:
    words = refusal(lambda: Pair.from_row({**ROW, name: value}).to_row())
    assert words == "" or "expected" in words


@FEW
@given(st.sampled_from([*sorted(TABLE), "rank", "data", "start"]), ANYTHING)
def test_a_table_of_settings_is_a_configuration_or_refused(name: str, value: Any) -> None:
    words = refusal(lambda: build(AdapterConfig, {**TABLE, name: value}))
    assert words == "" or "expected" in words


@FEW
@given(ANYTHING)
@example({"\n": 2**20 + 1})
def test_a_configuration_of_a_network_passes_or_is_refused(value: Any) -> None:
    assert "\n" not in refusal(lambda: check_config(value, Path("folder")))


@FEW
@given(st.text(max_size=60) | st.from_regex(r"(\.\./|/|a/|\\|~/|\./){1,6}x?", fullmatch=True))
def test_a_path_lies_inside_or_is_refused(tmp_path: Path, path: str) -> None:
    def inside() -> None:
        assert locate(tmp_path, path).resolve().is_relative_to(tmp_path.resolve())

    assert "\n" not in refusal(inside)


@FEW
@given(st.text(max_size=30) | st.from_regex(r"-?\d{1,9}(,-?\d{1,9}){0,4}", fullmatch=True))
def test_a_crop_is_four_numbers_or_refused(text: str) -> None:
    words = refusal(lambda: parse_box(text))
    assert words == "" or "expected" in words


@FEW
@given(st.binary(max_size=200), st.integers(0, 400))
def test_a_tensor_file_is_read_or_refused(tmp_path: Path, noise: bytes, place: int) -> None:
    good = save({"a": torch.ones(3), "b": torch.zeros(2, 2)})
    path = tmp_path / "x.safetensors"
    path.write_bytes(good[:place] + noise + good[place + len(noise) :])
    words = refusal(lambda: read_tensors(path))
    assert words == "" or "x.safetensors" in words


@pytest.mark.parametrize(
    ("name", "value"), [("num_layers", 10**9), ("width", 10**12), ("lr", float("nan"))]
)
def test_sizes_beyond_reason_are_refused_before_anything_is_built(name: str, value: float) -> None:
    """Found by the script: they filled the memory, or never ended."""
    with pytest.raises(SyncLoraError, match=name):
        check_config({name: value}, Path("folder"))
    with pytest.raises(SyncLoraError):
        build(AdapterConfig, {**TABLE, "loop": {"steps": 1, name: value}})


def test_json_without_end_is_refused_in_one_line(tmp_path: Path) -> None:
    """Found by the script: Python's parser gives up with a RecursionError."""
    (tmp_path / "settings.json").write_text("[" * 100_000)
    with pytest.raises(ArtifactError, match="is not JSON"):
        read_json(tmp_path / "settings.json")
    (tmp_path / "manifest.jsonl").write_text("[" * 100_000 + "\n")
    with pytest.raises(PairError, match="line 1 is not JSON"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("change", [{"rank": 8}, {"targets": 3}, {"targets": None}, {"more": 1}])
def test_settings_that_do_not_fit_an_adapter_are_refused(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    """Found by the script: another rank, or no targets, were faults of the program."""
    model = tiny_model()
    add_adapter(model.transformer, AdapterSettings(4, base="tiny"))
    save_adapter(model.transformer, AdapterSettings(4, base="tiny"), tmp_path)
    path = tmp_path / "adapter.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(SyncLoraError):
        load_adapter(tiny_model().transformer, tmp_path)


def test_a_network_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    """Found by the script: diffusers stumbles over an unknown activation (UnboundLocalError)."""
    save_model(tiny_model(), tmp_path)
    path = tmp_path / "transformer" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"activation_fn": "x"}))
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(tmp_path)
