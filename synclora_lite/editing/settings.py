"""How to edit: one object, made and checked where settings come in."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from synclora_lite.editing.methods import METHODS, Method, find_method
from synclora_lite.errors import ConfigError, EditError
from synclora_lite.files import read_json
from synclora_lite.settings import build

TUNED = "tuned.json"  # of a model folder: what did best on validation clips, see benchmarks.tuning
STEPS = 20  # of methods that need more than the model's own few


@dataclass(frozen=True)
class EditSettings:
    """How to edit; EditError if there is no such method or option, or a value makes no sense."""

    method: str | Method = "sync-lora"  # a name of `METHODS`, tuned, or a method as it is
    options: Mapping[str, float] = field(default_factory=dict)  # of a name, other than tuned
    steps: int | None = None  # if None as many as the model needs, and 20 of other methods
    seed: int = 0  # of the noise
    restore: bool = False  # take what optical flow propagates where the model drew the same
    align: bool = False  # move the edited face onto the source's first, by landmarks

    def __post_init__(self) -> None:
        method = self.chosen()
        build(type(method), method.options, error=EditError)
        for name, low, high in (("steps", 1, 1000), ("seed", 0, 2**63 - 1)):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise EditError(f"{name} {value}", f"{low} to {high}")
        if self.restore and not method.restorable:
            having = ", ".join(name for name, one in METHODS.items() if one.restorable)
            raise EditError(f"--restore with method {method.name}", having, "leave --restore out")

    def chosen(self, tuned: Mapping[str, Mapping[str, float]] | None = None) -> Method:
        """Return the method, with what was tuned for a model where nothing else was asked for."""
        if isinstance(self.method, Method):
            return self.method
        return find_method(self.method, {**(tuned or {}).get(self.method, {}), **self.options})


def edit_settings(options: Mapping[str, Any]) -> EditSettings:
    """Sort options as they come from a command line: the method's own, and the others."""
    general = {f.name for f in fields(EditSettings)}
    given = {name: value for name, value in options.items() if value is not None}
    own = {name: value for name, value in given.items() if name not in general}
    return EditSettings(options=own, **{n: v for n, v in given.items() if n in general})


def tuned_options(folder: Path) -> dict[str, dict[str, float]]:
    """Return `tuned.json` of a model folder, checked, if there is one; else ConfigError."""
    file = folder / TUNED
    stored = read_json(file) if file.exists() else {}
    if not (isinstance(stored, dict) and stored.keys() <= METHODS.keys()):
        raise ConfigError(f"{file} holds {str(stored)[:60]}", "a table of methods", "tune again")
    tuned = {}
    for name, options in stored.items():
        method = build(type(METHODS[name]), options, f"{file}: {name}.")
        tuned[name] = {option: method.options[option] for option in options}
    return tuned


@dataclass(frozen=True, eq=False)
class Made:
    """What a back end makes, and what is to be told of it."""

    frames: UInt8[np.ndarray, "frames height width 3"]  # like the source's
    report: dict[str, Any]
    provenance: dict[str, Any]  # settings that change the result
    weights: dict[str, str]  # SHA-256 by weight file
    warnings: list[str]
