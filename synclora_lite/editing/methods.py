"""The methods by name: what each needs and where it works."""

from collections.abc import Iterable
from dataclasses import dataclass

from synclora_lite.errors import EditError


@dataclass(frozen=True)
class Method:
    """One way to edit.

    Attributes:
        name: As on the command line.
        line: What it does, in a sentence.
        model: Whether it needs a model, which knows only the kind of clips it was trained on.
        adapter: Whether it needs the in-context adapter as well.
        options: Settings of its own that it reads; it refuses all others.

    """

    name: str
    line: str
    model: bool = True
    adapter: bool = False
    options: tuple[str, ...] = ()


METHODS = {
    method.name: method
    for method in (
        Method(
            "sync-lora",
            "the source as in-context reference, read by the adapter",
            adapter=True,
            options=(
                "reference_strength",
                "sync_guidance",
                "warm",
                "temperature",
                "edit_gain",
                "detail",
            ),
        ),
        Method("flow-warp", "the edited frame carried along optical flow", model=False),
        Method(
            "residual-warp", "the edit minus the source carried along optical flow", model=False
        ),
        Method("bend-warp", "the source bent as the edit bent frame 0, plus the rest", model=False),
        Method("i2v", "the edited frame continued by the plain model, which never sees the source"),
        Method("copy", "the source itself after frame 0", model=False),
        Method(
            "sdedit",
            "the source noised half-way and denoised from the edited frame",
            options=("start", "detail"),
        ),
        Method(
            "flowedit",
            "the flow from source to edit, integrated without going to noise",
            options=("start", "detail"),
        ),
        Method(
            "kv-inject",
            "the source's keys and values, inverted, injected into attention",
            options=("inject", "detail"),
        ),
    )
}


def find_method(name: str) -> Method:
    """Return the method of that name.

    Raises:
        EditError: There is none.

    """
    if name not in METHODS:
        raise EditError(f"no method named {name!r}", f"one of {', '.join(METHODS)}")
    return METHODS[name]


def check_options(method: Method, given: Iterable[str]) -> None:
    """Refuse a setting that the method would pass over in silence.

    Raises:
        EditError: One of the settings belongs to other methods.

    """
    for name in given:
        if name not in method.options:
            having = ", ".join(m.name for m in METHODS.values() if name in m.options)
            raise EditError(
                f"{flag(name)} with method {method.name}", having, f"leave {flag(name)} out"
            )


def flag(name: str) -> str:
    """Return a setting as it is written on the command line."""
    return f"--{name.replace('_', '-')}"


def without_model() -> str:
    """Name the methods that work on any clip."""
    return ", ".join(name for name, method in METHODS.items() if not method.model)
