"""The methods by name: what each needs and where it works."""

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

    """

    name: str
    line: str
    model: bool = True
    adapter: bool = False


METHODS = {
    method.name: method
    for method in (
        Method(
            "sync-lora", "the source as in-context reference, read by the adapter", adapter=True
        ),
        Method("flow-warp", "the edited frame carried along optical flow", model=False),
        Method(
            "residual-warp", "the edit minus the source carried along optical flow", model=False
        ),
        Method("i2v", "the edited frame continued by the plain model, which never sees the source"),
        Method("copy", "the source itself after frame 0", model=False),
        Method("sdedit", "the source noised half-way and denoised from the edited frame"),
        Method("flowedit", "the flow from source to edit, integrated without going to noise"),
        Method("kv-inject", "the source's keys and values, inverted, injected into attention"),
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


def without_model() -> str:
    """Name the methods that work on any clip."""
    return ", ".join(name for name, method in METHODS.items() if not method.model)
