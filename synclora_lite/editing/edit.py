"""`edit_video`: a source clip and an edited first frame in, the edited clip out.

Data flows: scale -> (align) -> checks of the first frame -> the method or pipeline -> the source's
rate and sound -> report.
"""

import hashlib
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from typing import Any

import numpy as np
from jaxtyping import UInt8

from synclora_lite import __version__
from synclora_lite.editing.methods import Window
from synclora_lite.editing.pipeline import ModelSource, SyncLoraPipeline
from synclora_lite.editing.precheck import align, as_picture, check_framing, to_size
from synclora_lite.editing.settings import EditSettings, Made
from synclora_lite.errors import EditError
from synclora_lite.video import Clip

PACKAGES = ("numpy", "opencv-contrib-python", "torch", "diffusers", "mediapipe")
AS_TUNED, SHIPPED = EditSettings(), ModelSource()


@dataclass(frozen=True, eq=False)
class Edit:
    """An edited clip and how it came about."""

    clip: Clip  # with the source's size, length, rate and sound
    source: Clip
    first_frame: UInt8[np.ndarray, "_ _ 3"]  # as it was used: scaled and aligned
    report: dict[str, Any]  # JSON: warnings, framing, domain, seams, provenance; see `assessed`


def edit_video(
    source: Clip,
    first_frame: np.ndarray,
    settings: EditSettings = AS_TUNED,
    pipeline: SyncLoraPipeline | ModelSource = SHIPPED,
) -> Edit:
    """Carry the edit of the first frame, 8-bit RGB, through a clip of any size and length.

    The pipeline is loaded, or what to load; methods without a model do not look at it.

    Raises EditError if the first frame does not belong to the source, or the model does not know
    this kind of clip or has no place for a setting, ModelError if model or adapter are missing or
    broken, ConfigError if this machine lacks the device.
    """
    if len(source) < 2:
        raise EditError("a source of one frame", "at least two", "give a clip, not a picture")
    picture, method = as_picture(first_frame), settings.chosen()
    frame, warnings = to_size(picture, source.size)
    if settings.align:
        frame = align(source, frame)
    framing, more = check_framing(source, frame)
    loaded = pipeline.load_for(settings) if isinstance(pipeline, ModelSource) else pipeline
    if loaded is not None and method.needs_model:
        made = loaded.edit(source, frame, settings)
    else:
        made = Made(method(Window(source.frames, frame)), {}, {}, {}, [])
    ran = {"method": method.name, "align": settings.align, **made.provenance}
    report = {
        "warnings": warnings + more + made.warnings,
        "framing": asdict(framing),
        **made.report,
        "provenance": provenance(source.frames, picture, ran, made.weights),
    }
    return Edit(replace(source, frames=made.frames), source, frame, report)


def provenance(
    source: np.ndarray, first_frame: np.ndarray, settings: dict[str, Any], weights: dict[str, str]
) -> dict[str, Any]:
    """Describe an edit so that it can be made again, as JSON.

    It holds no time, no path and no name of a machine: equal edits are described equally.
    """
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return {
        "tool": f"synclora-lite {__version__}",
        **settings,
        "source": {"frames": len(source), "pixels_sha256": pixel_hash(source)},
        "first_frame": {"pixels_sha256": pixel_hash(first_frame)},
        "weights": weights,
        "versions": versions,
    }


def pixel_hash(pixels: np.ndarray) -> str:
    """Return the SHA-256 of an array's shape and bytes."""
    digest = hashlib.sha256(repr((pixels.shape, str(pixels.dtype))).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
