"""Put trained weights and example clips where the package finds them, and enter them in the lock.

``python -m tools.ship base runs/lite/base/model --command "python -m recipes.lite"``
``python -m tools.ship adapter runs/lite/adapter/final --command "python -m recipes.lite"``
``python -m tools.ship clips``

What was shipped is replaced by a whole model or not at all. The tuned settings of a base model go
with it; measure them again.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image

from benchmarks.calibrate import calibrate
from synclora_lite.artifacts import models_dir
from synclora_lite.editing.domain import save_domain
from synclora_lite.errors import in_one_line
from synclora_lite.files import atomic_path, data_dir
from synclora_lite.models import load_adapter, load_model, save_adapter, save_model
from synclora_lite.portraits import held_out, render_clip
from synclora_lite.video import write_clip
from tools.lock import checked_size, drop_missing, record

SHARD = "15MB"  # of the 16 MB that one shipped file may have
SIDE = 96  # pixels of the lite model's clips
FRAMES = 17


@dataclass(frozen=True)
class Example:
    """One held-out case that ships as a source clip, an edited first frame and the true edit."""

    name: str
    case: int


EXAMPLES = (
    Example("hair", 0),
    Example("glasses", 1),
    Example("hat", 2),
    Example("beard", 3),
    Example("background", 6),
)


def ship_base(run: Path, command: str) -> None:
    """Copy a base model in half precision, in small files, and measure what clips it knows."""
    model = load_model(run)
    with _replaced("lite", command) as folder:
        save_model(model, folder, torch.float16, max_shard_size=SHARD)
        save_domain(calibrate(model.vae, side=SIDE, frames=FRAMES), folder)


def ship_adapter(run: Path, command: str) -> None:
    """Copy an adapter in half precision."""
    model = load_model("lite")
    settings = replace(load_adapter(model.transformer, run), base="lite")
    with _replaced("lite-adapter", command) as folder:
        save_adapter(model.transformer, settings, folder, dtype=torch.float16)


def ship_clips() -> None:
    """Render the example clips: ``NAME.mp4``, ``NAME-edited.png`` and ``NAME-truth.mp4``."""
    folder = data_dir() / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    cases = held_out(seed=1, clips=9)
    for example in EXAMPLES:
        case = cases[example.case]
        edited = render_clip(case.edited, case.motion, SIDE)
        write_clip(
            folder / f"{example.name}.mp4", render_clip(case.source, case.motion, SIDE), fps=12.0
        )
        write_clip(folder / f"{example.name}-truth.mp4", edited, fps=12.0)
        with atomic_path(folder / f"{example.name}-edited.png") as partial:
            Image.fromarray(edited[0]).save(partial, format="png")


@contextmanager
def _replaced(model: str, command: str) -> Iterator[Path]:
    """Give a folder to write to; on success it takes the model's place, in the lock too."""
    folder = models_dir() / model
    with tempfile.TemporaryDirectory(prefix=f".{model}.", dir=folder.parent) as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        yield new
        for file in _files(new):
            checked_size(file)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    drop_missing(model)
    record(_files(folder), command=command)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("base", "adapter", "clips"))
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--command", help="the command that makes the weights again")
    arguments = parser.parse_args()
    if arguments.what == "clips":
        ship_clips()
        return
    if not (arguments.run and arguments.command):
        parser.error(f"{arguments.what} needs a run and --command")
    ship = {"base": ship_base, "adapter": ship_adapter}[arguments.what]
    ship(arguments.run, arguments.command)


if __name__ == "__main__":
    in_one_line(main)
