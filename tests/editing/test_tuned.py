"""Tuned settings of a model folder: numbers for a method's own options, or one clear error."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synclora_lite.editing import METHODS
from synclora_lite.editing.settings import tuned_options
from synclora_lite.errors import ConfigError
from synclora_lite.files import data_dir

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
NAMES = st.sampled_from(["strength", "inject", "guidance", "restore", "seed", "steps"])
TABLES = st.dictionaries(st.sampled_from(sorted(METHODS)), st.dictionaries(NAMES, ANYTHING))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANYTHING | TABLES)
def test_tuned_settings_are_numbers_for_options_of_the_method(tmp_path: Path, table: Any) -> None:
    (tmp_path / "tuned.json").write_text(json.dumps(table))
    try:
        tuned = tuned_options(tmp_path)
    except ConfigError:
        return
    for method, chosen in tuned.items():
        assert {*chosen} <= {*METHODS[method].options}
        assert all(type(value) is float and math.isfinite(value) for value in chosen.values())


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([1], r"holds \[1\]; expected a table of methods"),
        ({"magic": {}}, "holds {'magic': {}}; expected a table of methods"),
        ({"sdedit": 0.4}, "sdedit. holds 0.4; expected a table"),
        ({"sdedit": {"seed": 1}}, "unknown setting .*sdedit.seed; expected strength"),
        ({"i2v": {"steps": 1}}, "unknown setting .*i2v.steps"),
        ({"sdedit": {"restore": 1}}, "unknown setting .*sdedit.restore"),
        ({"sdedit": {"strength": True}}, "sdedit.strength = True; expected a valid number"),
        ({"sdedit": {"strength": math.nan}}, "sdedit.strength = nan; expected a finite number"),
        ({"sdedit": {"strength": 7}}, "sdedit.strength = 7.*; expected less than or equal to 1"),
    ],
)
def test_what_is_wrong_with_tuned_settings_is_told(
    tmp_path: Path, table: Any, message: str
) -> None:
    (tmp_path / "tuned.json").write_text(json.dumps(table))
    with pytest.raises(ConfigError, match=message):
        tuned_options(tmp_path)


def test_the_shipped_settings_are_read_as_they_are(tmp_path: Path) -> None:
    folder = data_dir() / "models" / "lite"
    assert tuned_options(folder) == json.loads((folder / "tuned.json").read_text())
    assert tuned_options(tmp_path) == {}
    (tmp_path / "tuned.json").write_text('{"sdedit": {"strength": 1}}')
    assert tuned_options(tmp_path) == {"sdedit": {"strength": 1.0}}
