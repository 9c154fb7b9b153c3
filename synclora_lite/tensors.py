"""Safetensors files that anyone may have written: read whole, or refused in one line."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from synclora_lite.errors import ArtifactError
from synclora_lite.files import write_atomic


def write_tensors(
    path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> Path:
    """Write a safetensors file, with metadata in order: the same tensors make the same bytes."""
    content = save({name: t.contiguous() for name, t in tensors.items()}, dict(metadata))
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return write_atomic(path, content[:8] + text.ljust(end - 8) + content[end:])


def read_tensors(path: str | Path, names: Collection[str] = ()) -> dict[str, Tensor]:
    """Read a safetensors file; ArtifactError if it is missing, damaged, or lacks one of `names`."""
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
