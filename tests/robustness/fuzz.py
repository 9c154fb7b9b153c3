"""Fuzz what reads untrusted text, led by coverage, for as long as you like.

    pip install atheris
    python -m tests.robustness.fuzz manifest -max_total_time=300

Needs `atheris` (Linux, Python 3.11), which is no part of the environment. Options with one dash
are libFuzzer's. What it finds becomes a case in `test_texts.py`.
"""

import json
import sys
import tempfile
import tomllib
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from synclora_lite.files import PROJECT

OURS = "synclora_lite"  # what is led by coverage: all of torch would take minutes to instrument
PLACE = Path(tempfile.gettempdir()) / "synclora-fuzz.safetensors"


def manifest(data: bytes) -> None:
    """Read a line of a manifest."""
    from synclora_lite.pairs import Pair

    Pair.from_row(json.loads(data))


def config(data: bytes) -> None:
    """Read a training configuration."""
    from synclora_lite.settings import build
    from synclora_lite.training import AdapterConfig

    build(AdapterConfig, tomllib.loads(data.decode()))


def network(data: bytes) -> None:
    """Read a network's configuration."""
    from synclora_lite.models.model import check_config

    check_config(json.loads(data), Path("folder"))


def tensors(data: bytes) -> None:
    """Read a safetensors file."""
    from synclora_lite.tensors import read_tensors

    PLACE.write_bytes(data)
    read_tensors(PLACE)


def tags(data: bytes) -> None:
    """Read the tags of a clip, and a crop."""
    from synclora_lite.video import parse_box
    from synclora_lite.video.reading import _tags

    text = data.decode("utf-8", "replace")
    _tags(text)
    parse_box(text)


MEDIA = {name: {"path": f"{name}/0.mp4", "sha256": 64 * "0"} for name in ("source", "edited")}
PAIR = {"id": "0", "builder": "exact", "kind": "hat", "seed": 0, "parameters": {}, "frames": 17}
SEEDS = {  # to begin with: files of their kind, and a line of a manifest
    "manifest": json.dumps({**PAIR, "fps": 12.0, "files": MEDIA}).encode(),
    "config": b"bank = 'x'\nrank = 4\nidentical = [1.0, 0]\n[flow]\nmu = 3.0\n[loop]\nsteps = 9\n",
    "network": (PROJECT / "data/models/lite/transformer/config.json").read_bytes(),
    "tensors": (PROJECT / "data/models/lite/caption.safetensors").read_bytes(),
    "tags": b"10,20,200,220",
}
TARGETS: dict[str, Callable[[bytes], None]] = {
    "manifest": manifest,
    "config": config,
    "network": network,
    "tensors": tensors,
    "tags": tags,
}


def tolerant(data: bytes) -> None:
    """Read `data`; only what the program must never raise gets through."""
    try:
        TARGETS[sys.argv[1]](data)
    except (
        sys.modules[f"{OURS}.errors"].SyncLoraError,
        UnicodeDecodeError,
        json.JSONDecodeError,
        tomllib.TOMLDecodeError,
    ):
        return  # refused, as it should be
    except RecursionError:
        return  # of the JSON parser, which the callers catch


def main() -> None:
    """Hand over to atheris."""
    atheris = import_module("atheris")

    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"Error: name one of {', '.join(TARGETS)}")
    with tempfile.TemporaryDirectory() as corpus:
        for name in [name for name in sys.modules if name.startswith(OURS)]:
            del sys.modules[name]  # to be imported again, instrumented
        with atheris.instrument_imports(include=[OURS]), suppress(Exception):
            tolerant(b"{}")
        (Path(corpus) / "seed").write_bytes(SEEDS[sys.argv[1]])
        atheris.Setup([sys.argv[0], corpus, *sys.argv[2:]], tolerant)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
