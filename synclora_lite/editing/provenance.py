"""Where an edit came from: hashes of everything that went in, settings and versions."""

import hashlib
import platform
from contextlib import suppress
from importlib import metadata
from typing import Any

import numpy as np

from synclora_lite import __version__

PACKAGES = ("numpy", "opencv-contrib-python", "torch", "diffusers", "mediapipe")


def pixel_hash(pixels: np.ndarray) -> str:
    """Return the SHA-256 of an array's shape and bytes."""
    digest = hashlib.sha256(repr((pixels.shape, str(pixels.dtype))).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


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
