"""`synclora doctor`: what this machine has, what is wrong with it, and what to do about that."""

import json
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

from synclora_lite import __version__
from synclora_lite.errors import SyncLoraError

PACKAGES = ("numpy", "torch", "diffusers", "transformers", "peft", "mediapipe", "mediapy")
ENOUGH_MEMORY = 4.0  # GiB


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what was found, and what to do if it is not well."""

    name: str
    found: str
    advice: str = ""

    @property
    def well(self) -> bool:
        """Whether there is nothing to do."""
        return not self.advice


def doctor(
    clip: Annotated[
        Path | None, typer.Argument(help="A clip: show what it is and how it was made.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check versions, device, memory, ffmpeg, landmark back end and model checksums.

    With a clip, show the clip instead: size, frames, sound, and the provenance stored in it.
    """
    if clip is not None:
        typer.echo(json.dumps(_history(clip), indent=2))
        return
    findings = list(examine())
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            typer.echo(f"{'ok ' if finding.well else 'BAD'}  {finding.name:<14} {finding.found}")
            if finding.advice:
                typer.echo(f"     {'':<14} {finding.advice}")
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


def examine() -> Iterator[Finding]:
    """Look at everything; a look that fails becomes a finding with advice."""
    yield Finding("synclora-lite", f"{__version__}, Python {platform.python_version()}")
    for package in PACKAGES:
        yield _package(package)
    looks: dict[str, Callable[[], Finding]] = {
        "device": _device,
        "memory": _memory,
        "ffmpeg": _ffmpeg,
        "landmarks": _landmarks,
        "models": _models,
    }
    for name, look in looks.items():
        try:
            yield look()
        except SyncLoraError as error:
            yield Finding(name, error.what, error.advice or f"expected {error.expected}")
        except (ImportError, OSError, subprocess.SubprocessError) as error:
            yield Finding(name, f"{type(error).__name__}: {error}", "run make setup again")


def _history(clip: Path) -> dict[str, Any]:
    """Describe a clip and its stored provenance; JSON escapes what strangers wrote into it."""
    from synclora_lite.video import probe, read_metadata

    return {"clip": asdict(probe(clip)), "provenance": read_metadata(clip)}


def _package(package: str) -> Finding:
    try:
        return Finding(package, metadata.version(package))
    except metadata.PackageNotFoundError:
        return Finding(package, "not installed", f"run: {sys.executable} -m pip install {package}")


def _device() -> Finding:
    import torch

    if not torch.cuda.is_available():
        return Finding(
            "device", f"CPU, {torch.get_num_threads()} threads (enough for all chapters)"
        )
    gpu = torch.cuda.get_device_properties(0)
    return Finding("device", f"{gpu.name}, {gpu.total_memory / 2**30:.0f} GiB")


def _memory() -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    free, total = memory.available / 2**30, memory.total / 2**30
    advice = "" if free >= ENOUGH_MEMORY else f"close programs: {ENOUGH_MEMORY:.0f} GiB are needed"
    return Finding("memory", f"{free:.1f} of {total:.1f} GiB free", advice)


def _ffmpeg() -> Finding:
    import imageio_ffmpeg

    version = imageio_ffmpeg.get_ffmpeg_version()
    encoders = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-encoders"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    advice = "" if "libx264" in encoders else "install imageio-ffmpeg: this ffmpeg has no libx264"
    return Finding("ffmpeg", version, advice)


def _landmarks() -> Finding:
    from synclora_lite.landmarks.bundle import finder_name

    return Finding("landmarks", finder_name())


def _models() -> Finding:
    from synclora_lite.artifacts import read_lock, verify

    problems = verify()
    if problems:
        return Finding("models", "; ".join(problems), "restore them: git checkout data/models")
    return Finding("models", f"{len(read_lock())} files match their checksums")
