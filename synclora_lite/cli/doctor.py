"""`synclora doctor`: what this machine has, what is wrong with it, and what to do about that."""

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument

from synclora_lite import __version__
from synclora_lite.cli._options import AsJson
from synclora_lite.errors import SyncLoraError

PACKAGES = ("numpy", "torch", "diffusers", "transformers", "peft", "mediapipe", "mediapy")
ENOUGH_MEMORY = 4.0  # GiB
Finding = tuple[str, str]  # what was found, and what to do if it is not well


def doctor(
    clip: Annotated[Path | None, Argument(help="A clip: say what it is, how it was made.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check versions, device, memory, ffmpeg, landmark back end and model checksums.

    With a clip, show the clip instead: size, frames, sound, and the provenance stored in it.
    """
    if clip is not None:  # JSON escapes what strangers wrote into it
        from synclora_lite.video import probe, read_metadata

        told = {"clip": asdict(probe(clip)), "provenance": read_metadata(clip)}
        typer.echo(json.dumps(told, indent=2))
        return
    findings = list(examine())
    if as_json:
        rows = [{"name": n, "found": found, "advice": advice} for n, found, advice in findings]
        typer.echo(json.dumps(rows, indent=2))
    for name, found, advice in findings if not as_json else ():
        typer.echo(f"{'BAD' if advice else 'ok '}  {name:<14} {found}")
        if advice:
            typer.echo(f"     {'':<14} {advice}")
    if any(advice for *_, advice in findings):
        raise typer.Exit(1)


def examine() -> Iterator[tuple[str, str, str]]:
    """Look at everything: name, finding, advice; a look that fails is a finding with advice."""
    yield "synclora-lite", f"{__version__}, Python {platform.python_version()}", ""
    for package in PACKAGES:
        try:
            yield package, metadata.version(package), ""
        except metadata.PackageNotFoundError:
            yield package, "not installed", f"run: {sys.executable} -m pip install {package}"
    for look in (_device, _memory, _ffmpeg, _landmarks, _models):
        name = look.__name__.strip("_")
        try:
            yield name, *look()
        except SyncLoraError as error:
            yield name, error.what, error.advice or f"expected {error.expected}"
        except (ImportError, OSError, subprocess.SubprocessError) as error:
            yield name, f"{type(error).__name__}: {error}", "run make setup again"


def _device() -> Finding:
    import torch

    if not torch.cuda.is_available():
        return f"CPU, {torch.get_num_threads()} threads (enough for all chapters)", ""
    gpu = torch.cuda.get_device_properties(0)
    return f"{gpu.name}, {gpu.total_memory / 2**30:.0f} GiB", ""


def _memory() -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    free, total = memory.available / 2**30, memory.total / 2**30
    advice = "" if free >= ENOUGH_MEMORY else f"close programs: {ENOUGH_MEMORY:.0f} GiB are needed"
    return f"{free:.1f} of {total:.1f} GiB free", advice


def _ffmpeg() -> Finding:
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-encoders"]
    encoders = subprocess.check_output(command, text=True, timeout=30, stderr=subprocess.DEVNULL)
    advice = "" if "libx264" in encoders else "install imageio-ffmpeg: this ffmpeg has no libx264"
    return imageio_ffmpeg.get_ffmpeg_version(), advice


def _landmarks() -> Finding:
    from synclora_lite.landmarks.cache import finder_name

    return finder_name(), ""


def _models() -> Finding:
    from synclora_lite.artifacts import read_lock, verify

    if problems := verify():
        return "; ".join(problems), "restore them: git checkout data/models"
    return f"{len(read_lock())} files match their checksums", ""
