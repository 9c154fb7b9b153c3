"""Synchronized portrait video editing with an in-context LoRA, small enough to read and run.

A scale model of Sync-LoRA (Polaczek, Patashnik, Mahdavi-Amiri, Cohen-Or; arXiv 2512.03013).
Importing this package is light: torch, diffusers and mediapipe are loaded by the rooms that
need them (`synclora_lite.portraits`, `synclora_lite.models`, ...), never from here.
"""

from typing import Any

__version__ = "0.1.0"

# `python -m tools.address OWNER/NAME` changes it here and wherever else it is written
REPOSITORY = "https://github.com/sync-lora-lite/sync-lora-from-scratch"
TAG = f"v{__version__}"

__all__ = ["REPOSITORY", "TAG", "__version__"]


def __getattr__(name: str) -> Any:
    """Find the classes that a stock pipeline asks for when it loads the lite model's folder."""
    if name not in ("PreconditionedLTXTransformer", "MotionAutoencoder", "ModelMixin"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from synclora_lite.models import autoencoder, transformer

    return getattr(transformer if name == "PreconditionedLTXTransformer" else autoencoder, name)
