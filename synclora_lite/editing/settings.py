"""How to edit: one object, made and checked where settings come in."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from jaxtyping import UInt8

from synclora_lite.editing.methods import METHODS, ImageToVideo, Method, SyncLora, find_method
from synclora_lite.errors import EditError

STEPS = 20  # of methods that need more than the model's own few


@dataclass(frozen=True)
class EditSettings:
    """How to edit.

    Attributes:
        method: A name of `METHODS`, with its options as tuned for the model, or a method as it is.
        options: Of a method given by name: what differs from the options as tuned.
        steps: Sampling steps; if None as many as the model needs, and 20 of other methods.
        seed: Of the noise.
        restore: Then take what optical flow propagates where the model drew the same; only for
            methods with a model that follow the source.
        align: Move the edited face onto the source's first, by landmarks.
        measure: Score the synchronization; takes the time of tracking both clips.

    Raises:
        EditError: There is no such method, option or step, or a value makes no sense.

    """

    method: str | Method = "sync-lora"
    options: Mapping[str, float] = field(default_factory=dict)
    steps: int | None = None
    seed: int = 0
    restore: bool = False
    align: bool = False
    measure: bool = False

    def __post_init__(self) -> None:
        """Check it all once."""
        method = self.chosen()
        for name, value, low, high in (
            ("steps", self.steps, 1, 1000),
            ("seed", self.seed, 0, 2**63 - 1),
        ):
            if value is not None and not low <= value <= high:
                raise EditError(f"{name} {value}", f"{low} to {high}")
        if self.restore and not method.restorable:
            having = ", ".join(name for name, one in METHODS.items() if one.restorable)
            raise EditError(f"--restore with method {method.name}", having, "leave --restore out")

    def chosen(self, tuned: Mapping[str, Mapping[str, float]] | None = None) -> Method:
        """Return the method, with what was tuned for a model where nothing else was asked for."""
        if isinstance(self.method, Method):
            return self.method.checked()
        return find_method(self.method, {**(tuned or {}).get(self.method, {}), **self.options})


def edit_settings(options: Mapping[str, Any]) -> EditSettings:
    """Sort options as they come from a command line: the method's own, and the others.

    Raises:
        EditError: As `EditSettings`.

    """
    general = {f.name for f in fields(EditSettings)}
    given = {name: value for name, value in options.items() if value is not None}
    own = {name: value for name, value in given.items() if name not in general}
    return EditSettings(options=own, **{n: v for n, v in given.items() if n in general})


@dataclass(frozen=True, eq=False)
class Made:
    """What a back end makes, and what is to be told of it.

    Attributes:
        frames: Like the source's.
        report: Facts for the report.
        provenance: Settings that change the result.
        weights: SHA-256 by weight file.
        warnings: What the user should know.

    """

    frames: UInt8[np.ndarray, "frames height width 3"]
    report: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def check_ltx2(method: Method, settings: EditSettings) -> None:
    """Raise EditError for what the pipeline of LTX-2 has no place for."""
    if not isinstance(method, SyncLora | ImageToVideo):
        raise EditError(f"method {method.name} with an LTX-2 model", "sync-lora or i2v")
    if settings.restore:
        raise EditError("--restore with an LTX-2 model", "the lite model", "leave it out")
    guidance = method.options.get("guidance", 1)
    if guidance != 1:
        raise EditError(
            f"guidance {guidance:g} with an LTX-2 model",
            "1: the released adapter was trained without dropping the reference",
        )
