"""Provenance travels inside the clip and comes back as it was."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synclora_lite.video import Clip, read_metadata, write_clip
from synclora_lite.video.reading import _tags

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)


def finite(value: Any) -> bool:
    """Whether a value holds no infinity, which JSON does not know."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    return all(map(finite, value)) if isinstance(value, list) else True


@settings(max_examples=6)
@given(
    metadata=st.dictionaries(
        st.text(max_size=8), json_values.filter(finite), min_size=1, max_size=4
    )
)
def test_any_json_comes_back(
    tmp_path_factory: pytest.TempPathFactory, clip_of_two: Clip, metadata: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("tags") / "clip.mp4"
    assert read_metadata(write_clip(path, clip_of_two, metadata=metadata)) == metadata


@given(st.text(alphabet="ab=;#\\\n[]\"' ", max_size=40))
def test_the_escapes_of_the_tag_format_are_undone(value: str) -> None:
    escaped = "".join(f"\\{letter}" if letter in "=;#\\\n" else letter for letter in value)
    assert _tags(f";FFMETADATA1\ntitle=x\ncomment={escaped}\nencoder=y\n")["comment"] == value


def test_a_long_record_survives(tmp_path: Path, clip_of_two: Clip) -> None:
    metadata = {"steps": list(range(9000)), "note": "; = # \\ \n " * 50}
    assert read_metadata(write_clip(tmp_path / "a.mp4", clip_of_two, metadata=metadata)) == metadata


def test_tags_of_a_stream_do_not_replace_those_of_the_file() -> None:
    text = ";FFMETADATA1\ncomment=a\\\n[STREAM]\ntitle=x\n[STREAM]\ncomment=b\nlanguage=und\n"
    assert _tags(text) == {"comment": "a\n[STREAM]", "title": "x"}
