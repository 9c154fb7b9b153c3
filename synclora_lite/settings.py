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
HUGE = 1e12
UNKNOWN = ("unexpected_property", "extra_forbidden", "unexpected_keyword_argument")
FrameRate = Annotated[float, Field(ge=1, le=1000)]
_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


class Settings:
    """Base of the frozen dataclasses that files hold: strict types, finite numbers, known names."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def build(
    kind: type[T], table: Any, where: str = "", error: type[SyncLoraError] = ConfigError
) -> T:
    """Make a dataclass of `kind` from what a TOML or JSON file holds.

    Args:
        kind: The dataclass; its annotations say what is legal.
        table: What the file holds.
        where: Stands before the names in messages.
        error: What to raise.

    Raises:
        ConfigError: A setting is unknown, missing, of the wrong type or out of its range; says
            which and where. Or another `error`.

    """
    try:
        text = to_json(table, inf_nan_mode="constants")
        made: T = _adapter(kind).validate_json(text)
    except (PydanticSerializationError, RecursionError) as problem:
        raise error(
            f"{where or 'the file'} holds {short(table)}", "UTF-8 text, numbers"
        ) from problem
    except ValidationError as problem:
        raise _told(problem, kind, where, error) from problem
    return made


def _told(
    problem: ValidationError, kind: Any, where: str, error: type[SyncLoraError]
) -> SyncLoraError:
    """Say the first of pydantic's complaints in our words: got, expected, what to do."""
    found = problem.errors(include_url=False)
    # first what is not known: it explains what is missing
    first = min(found, key=lambda item: item["type"] not in UNKNOWN)
    *parents, last = first["loc"] or ("",)
    name = where + ".".join(map(str, (*parents, last)))
    context = first.get("ctx", {})
    match first["type"]:
        case "dataclass_type" if not last:
            return error(f"{where or 'the file'} holds {short(first['input'])}", "a table")
        case wrong if wrong in UNKNOWN:
            for parent in parents:
                kind = typing.get_type_hints(kind)[str(parent)]
            names = [field.name for field in dataclasses.fields(kind)]
            close = difflib.get_close_matches(str(last), names, n=1)
            advice = f"did you mean {close[0]}?" if close else ""
            return error(f"unknown setting {name}", ", ".join(names), advice)
        case "missing":
            return error(f"{name} is missing", "a value: it has no default")
        case "literal_error":
            expected = f"one of {context['expected']}"
        case "dataclass_type":
            expected = "a table"
        case "string_pattern_mismatch":
            expected = f"text that matches {context['pattern']}"
        case _:
            expected = first["msg"].removeprefix("Input should be ")
    return error(f"{name} = {short(first['input'])}", expected)


def short(value: Any) -> str:
    """Return a value as a message shows it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
