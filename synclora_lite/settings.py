"""Settings from files that anyone may have written, into frozen dataclasses: checked, and named."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from synclora_lite.errors import ConfigError

T = TypeVar("T")
HUGE = 1e12
Span = tuple[float | int, float | int]
Ranges = Mapping[str, Span]
NO_RANGES: Ranges = {}


def build(
    kind: type[T],
    table: Any,
    where: str = "",
    ranges: Ranges = NO_RANGES,
) -> T:
    """Make a configuration dataclass of `kind` from a table.

    Args:
        kind: The dataclass.
        table: What a TOML or JSON file holds.
        where: Stands before the names in messages.
        ranges: Least and largest value of numbers, by the name of the setting; others may be
            anything finite.

    Raises:
        ConfigError: A setting is unknown, missing, of the wrong type or out of its range; says
            which and where.

    """
    if not isinstance(table, dict):
        raise ConfigError(f"{where or 'the file'} holds {_short(table)}", "a table of settings")
    known = typing.get_type_hints(kind)
    hints = {item.name: known[item.name] for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in table:
        if name not in hints:
            close = difflib.get_close_matches(name, hints, n=1)
            advice = f"did you mean {close[0]}?" if close else ""
            raise ConfigError(f"unknown setting {where}{name}", ", ".join(hints), advice)
    for item in dataclasses.fields(kind):  # type: ignore[arg-type]
        required = item.default is item.default_factory is dataclasses.MISSING
        if required and item.name not in table:
            raise ConfigError(f"{where}{item.name} is missing", _words(hints[item.name]))
    for name, value in table.items():
        _check_range(where + name, value, ranges.get(name, (-HUGE, HUGE)))
    return kind(
        **{name: _convert(hints[name], v, where + name, ranges) for name, v in table.items()}
    )


def _check_range(where: str, value: Any, limits: Span) -> None:
    """Raise unless every number in a value is finite and within its limits."""
    for number in value if isinstance(value, list) else [value]:
        plain = isinstance(number, int | float) and not isinstance(number, bool)
        if plain and not limits[0] <= number <= limits[1]:
            raise ConfigError(f"{where} = {_short(value)}", f"{limits[0]:g} to {limits[1]:g}")


def _convert(hint: Any, value: Any, where: str, ranges: Ranges) -> Any:
    """Return `value` as type `hint`, or raise."""
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return build(typing.cast("type[Any]", hint), value, f"{where}.", ranges)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in options:
            return None
        return _convert(next(o for o in options if o is not type(None)), value, where, ranges)
    if origin is tuple and isinstance(value, list):
        kinds = [options[0]] * len(value) if options[-1] is ... else list(options)
        if len(kinds) == len(value):
            return tuple(_convert(k, v, where, ranges) for k, v in zip(kinds, value, strict=True))
    elif _fits(hint, value):
        return hint(value) if hint in (Path, float) else value
    raise ConfigError(f"{where} = {_short(value)}", _words(hint))


def _fits(hint: Any, value: Any) -> bool:
    """Return whether a value of TOML can stand for a plain type; true is not a number."""
    origin = typing.get_origin(hint)
    if origin is Literal:
        return value in typing.get_args(hint)
    allowed: dict[Any, tuple[type, ...]] = {Path: (str,), float: (int, float)}
    return type(value) in allowed.get(hint, (origin or hint,))


def _words(hint: Any) -> str:
    if typing.get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, typing.get_args(hint)))
    if dataclasses.is_dataclass(hint):
        return "a table"
    return str(getattr(hint, "__name__", hint) if typing.get_origin(hint) is None else hint)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
