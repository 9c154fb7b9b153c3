"""Ways to spoil manifests, settings and weights that know their structure, all from one seed."""

import json
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.robustness.mutations import MUTATIONS, Mutation

BYTES = ("cut off", "flipped bits", "a block of zeros", "a block of noise", "a block removed",
         "a block repeated")  # fmt: skip
EXTREMES: tuple[Any, ...] = (
    *(None, True, -1, 0, 0.5, 10**6, 2**31, 2**63, 10**40, 1e308, -1e308, float("nan")),
    *(float("inf"), "", "x", "../../../../etc/passwd", "/etc/passwd", "~", "a\0b", "a\nb", "💥"),
    *("<script>alert(1)</script>", "$(touch /tmp/owned)", "-rf", "a" * 100_000, [], {}, [[[]]]),
    *([1] * 10_000, {"__class__": "os.system"}),
)


def structure(name: str) -> Mutation:
    """Return the mutation that knows the structure of a file of this name."""
    ways: dict[str, Mutation] = {
        ".json": _json,
        ".jsonl": _lines,
        ".csv": _csv,
        ".toml": _toml,
        ".safetensors": _header,
    }
    return ways[Path(name).suffix]


def spoil(name: str, data: bytes, generator: np.random.Generator) -> tuple[str, bytes]:
    """Spoil a file by one mutation of its bytes or, as often, of its structure."""
    if generator.random() < 0.5:
        return "structure", structure(name)(data, generator)
    kind = BYTES[int(generator.integers(len(BYTES)))]
    return kind, MUTATIONS[kind](data, generator)


def _json(data: bytes, generator: np.random.Generator) -> bytes:
    if generator.random() < 0.05:
        return b"[" * 100_000
    return json.dumps(_changed(json.loads(data), generator)).encode()


def _changed(value: Any, generator: np.random.Generator) -> Any:
    """Change one entry somewhere inside a JSON value."""
    places: list[Callable[[Any], None]] = []
    _collect(value, places)
    replacement = EXTREMES[int(generator.integers(len(EXTREMES)))]
    if not places or generator.random() < 0.05:
        return replacement
    places[int(generator.integers(len(places)))](replacement)
    return value


def _collect(value: Any, places: list[Callable[[Any], None]]) -> None:
    """List ways to change an entry: replace it, remove it, or add one beside it."""
    if isinstance(value, dict):
        for name in value:
            places += [partial(_put, value, name), partial(_drop, value, name)]
            _collect(value[name], places)
        places.append(partial(_put, value, "unknown"))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            places.append(partial(_put, value, place))
            _collect(inner, places)
        places.append(value.append)


def _put(holder: Any, place: Any, new: Any) -> None:
    holder[place] = new


def _drop(holder: dict[str, Any], name: str, _new: Any) -> None:
    holder.pop(name)


def _lines(data: bytes, generator: np.random.Generator) -> bytes:
    lines = data.splitlines()
    place = int(generator.integers(len(lines)))
    if generator.random() < 0.1:
        lines.append(lines[place])
    else:
        lines[place] = _json(lines[place], generator)
    return b"\n".join(lines) + b"\n"


def _csv(data: bytes, generator: np.random.Generator) -> bytes:
    rows = [line.split(b",") for line in data.splitlines()]
    row = rows[int(generator.integers(len(rows)))]
    row[int(generator.integers(len(row)))] = _literal(generator).encode("utf-8", "replace")
    return b"\n".join(b",".join(row) for row in rows) + b"\n"


def _toml(data: bytes, generator: np.random.Generator) -> bytes:
    lines = data.decode().splitlines()
    places = [n for n, line in enumerate(lines) if "=" in line]
    place, way = places[int(generator.integers(len(places)))], generator.random()
    if way < 0.15:
        del lines[place]
    elif way < 0.3:
        lines.insert(place, lines[place])
    elif way < 0.4:
        lines.insert(place, f"unknown = {_literal(generator)}")
    else:
        lines[place] = f"{lines[place].split('=')[0]}= {_literal(generator)}"
    return "\n".join(lines).encode()


def _literal(generator: np.random.Generator) -> str:
    """Write an extreme value as JSON, which is mostly TOML, too."""
    text = json.dumps(EXTREMES[int(generator.integers(len(EXTREMES)))])
    return {"NaN": "nan", "Infinity": "inf", "null": "nan"}.get(text, text)


def _header(data: bytes, generator: np.random.Generator) -> bytes:
    """Change the header of a safetensors file; its length fits in three of four cases."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.dumps(_changed(json.loads(data[8 : 8 + length]), generator)).encode()
    claimed = len(header) if generator.random() < 0.75 else int(generator.integers(1 << 62))
    return struct.pack("<Q", claimed) + header + data[8 + length :]
