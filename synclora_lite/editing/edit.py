"""`edit_video`: a source clip and an edited first frame in, the edited clip and a report out."""

import hashlib
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
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

    The pipeline is loaded, or what to load if the method needs a model. Raises EditError if frame,
    clip or settings are not for it, ModelError for bad files, ConfigError without the device.
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
    # all it takes to make the edit again: no time, path or machine, so equal edits are told equally
    provenance = {
        "tool": f"synclora-lite {__version__}",
        "method": method.name,
        "align": settings.align,
        **made.provenance,
        "source": {"frames": len(source), "pixels_sha256": pixel_hash(source.frames)},
        "first_frame": {"pixels_sha256": pixel_hash(picture)},
        "weights": made.weights,
        "versions": _versions(),
    }
    report = {"warnings": warnings + more + made.warnings, "framing": asdict(framing)}
    report |= {**made.report, "provenance": provenance}
    return Edit(replace(source, frames=made.frames), source, frame, report)


def _versions() -> dict[str, str]:
    """Return versions of what makes an edit; OpenCV may be installed under another name."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def pixel_hash(pixels: np.ndarray) -> str:
    """Return the SHA-256 of an array's shape and bytes."""
    digest = hashlib.sha256(repr((pixels.shape, str(pixels.dtype))).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
