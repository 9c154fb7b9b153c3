"""The option `--device`, checked before anything is loaded onto it."""

from synclora_lite.errors import ConfigError


def check_device(name: str) -> str:
    """Return the name of a device that this machine has; for `typer.Option(callback=...)`.

    Raises:
        ConfigError: There is no such device here.

    """
    if name == "cpu":
        return name
    import torch

    kind, _, number = name.partition(":")
    found = {
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
        "cpu": 1,
    }
    if not (number.isdecimal() or ":" not in name) or int(number or 0) >= found.get(kind, 0):
        here = ", ".join(kind for kind, count in found.items() if count)
        raise ConfigError(f"the device {name!r}", f"one that this machine has: {here}")
    return name
