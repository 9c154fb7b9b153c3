"""Settings that anyone may have written: pydantic checks them, one line says what is wrong."""

import dataclasses
import difflib
import typing
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from synclora_lite.errors import ConfigError, SyncLoraError

T = TypeVar("T")
Fraction = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0, le=10**6)]  # rates and weights
Size = Annotated[int, Field(ge=1, le=65_536)]
Count = Annotated[int, Field(ge=0, le=65_536)]
Steps = Annotated[int, Field(ge=1, le=10**9)]
UNKNOWN = ("unexpected_property", "extra_forbidden", "unexpected_keyword_argument")
FrameRate = Annotated[float, Field(ge=1, le=1000)]
# the adapter of a type is always the same, and slow to make
_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


class Settings:
    """Base of the frozen dataclasses that files hold: strict types, finite numbers, known names."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def build(
    kind: type[T], table: Any, where: str = "", error: type[SyncLoraError] = ConfigError
) -> T:
    """Make a dataclass from what a TOML or JSON file holds; its annotations are the law.

    Raises `error`, with `where` before the name of the setting that is unknown, missing or wrong.
    """
    try:
        return _adapter(kind).validate_json(to_json(table, inf_nan_mode="constants"))
    except (PydanticSerializationError, RecursionError) as problem:
        what = f"{where or 'the file'} holds {short(table)}"
        raise error(what, "UTF-8 text, numbers") from problem
    except ValidationError as problem:
        raise error(*_told(problem, kind, where)) from problem


def _told(problem: ValidationError, kind: Any, where: str) -> tuple[str, ...]:
    """Say the first of pydantic's complaints in our words: got, expected, what to do."""
    # first what is not known: it explains what is missing
    first = min(problem.errors(include_url=False), key=lambda item: item["type"] not in UNKNOWN)
    *parents, last = first["loc"] or ("",)
    name, wrong, got = where + ".".join(map(str, (*parents, last))), first["type"], first["input"]
    if wrong in UNKNOWN:
        for parent in parents:
            kind = typing.get_type_hints(kind)[str(parent)]
        names = [field.name for field in dataclasses.fields(kind)]
        close = difflib.get_close_matches(str(last), names, n=1)
        advice = f"did you mean {close[0]}?" if close else ""
        return f"unknown setting {name}", ", ".join(names), advice
    if wrong == "missing":
        return f"{name} is missing", "a value: it has no default"
    if wrong == "dataclass_type" and not last:
        return f"{where or 'the file'} holds {short(got)}", "a table"
    context = first.get("ctx", {})
    expected = {
        "literal_error": f"one of {context.get('expected')}",
        "dataclass_type": "a table",
        "string_pattern_mismatch": f"text that matches {context.get('pattern')}",
    }.get(wrong, first["msg"].removeprefix("Input should be "))
    return f"{name} = {short(got)}", expected


def short(value: Any) -> str:
    """Return a value as a message shows it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
