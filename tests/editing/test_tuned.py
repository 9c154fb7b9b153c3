"""Tuned settings of a model folder: numbers for a method's own options, or one clear error."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synclora_lite.editing import METHODS
from synclora_lite.editing.editor import tuned_settings
from synclora_lite.errors import ModelError
from synclora_lite.files import data_dir

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
NAMES = st.sampled_from(["start", "inject", "temperature", "detail", "seed", "steps"])
TABLES = st.dictionaries(st.sampled_from(sorted(METHODS)), st.dictionaries(NAMES, ANYTHING))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANYTHING | TABLES)
def test_tuned_settings_are_numbers_for_options_of_the_method(tmp_path: Path, table: Any) -> None:
    (tmp_path / "tuned.json").write_text(json.dumps(table))
    try:
        tuned = tuned_settings(tmp_path)
    except ModelError:
        return
    for method, chosen in tuned.items():
        assert {*chosen} <= {*METHODS[method].options} - {"detail"}
        assert all(type(value) is float and math.isfinite(value) for value in chosen.values())


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([1], r"holds \[1\]; expected a table"),
        ({"sdedit": 0.4}, r"sdedit in .* holds 0.4; expected a table"),
        ({"magic": {}}, "holds 'magic'; expected bend-warp, copy, flow-warp"),
        ({"sdedit": {"seed": 1}}, "holds 'seed'; expected start; tune the model again"),
        ({"i2v": {"steps": 1}}, "holds 'steps'; expected nothing"),
        ({"sdedit": {"detail": 1}}, "holds 'detail'; expected start"),
        ({"sdedit": {"start": True}}, "start of sdedit in .* is True; expected a number"),
        ({"sdedit": {"start": math.nan}}, "is nan; expected a number"),
    ],
)
def test_what_is_wrong_with_tuned_settings_is_told(
    tmp_path: Path, table: Any, message: str
) -> None:
    (tmp_path / "tuned.json").write_text(json.dumps(table))
    with pytest.raises(ModelError, match=message):
        tuned_settings(tmp_path)


def test_the_shipped_settings_are_read_as_they_are(tmp_path: Path) -> None:
    folder = data_dir() / "models" / "lite"
    assert tuned_settings(folder) == json.loads((folder / "tuned.json").read_text())
    assert tuned_settings(tmp_path) == {}
    (tmp_path / "tuned.json").write_text('{"sdedit": {"start": 1}}')
    assert tuned_settings(tmp_path) == {"sdedit": {"start": 1.0}}
