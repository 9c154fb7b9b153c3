"""Safetensors files that anyone may have written: read whole, or refused in one line."""

from collections.abc import Collection
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from synclora_lite.errors import ArtifactError


def read_tensors(path: str | Path, names: Collection[str] = ()) -> dict[str, Tensor]:
    """Read a safetensors file.

    The format holds numbers only, so that reading one runs no code; its header is checked against
    the length of the file before anything is reserved.

    Args:
        path: The file.
        names: Tensors that have to be in it.

    Raises:
        ArtifactError: It is missing, damaged, of another format, or lacks a tensor.

    """
    expected, advice = "a safetensors file", "restore it, or make it again"
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ArtifactError(f"{path} cannot be read ({reason})", expected, advice) from error
    missing = sorted(set(names) - set(tensors))
    if missing:
        raise ArtifactError(f"{path} holds no {', '.join(missing)}", expected, advice)
    return tensors
