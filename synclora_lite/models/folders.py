"""From a model's name to its folder: shipped, on disk, or in the cache of the hub's client."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

from synclora_lite.artifacts import shipped
from synclora_lite.core import Positions
from synclora_lite.errors import ModelError
from synclora_lite.files import read_json, sha256

PARTS = ("transformer", "vae", "scheduler", "text_encoder", "tokenizer")
MORE = ("audio_vae", "vocoder", "connectors", "processor")  # of LTX-2
NEWER = ("prompt_enhancer", "duration_head")  # parts that only LTX-2.5 has


def model_folder(name: str | Path) -> Path:
    """Return the folder of a shipped model, a path, or a downloaded hub model; else ModelError."""
    for folder in (shipped(name), Path(name)):
        if folder.is_dir():
            return folder
    folder = hub_folder(name, "`lite`, a folder in diffusers layout, or a hub model")
    if not (folder / "model_index.json").exists():
        raise ModelError(f"{name} holds no model_index.json", "diffusers layout", _download(name))
    return folder


def hub_folder(name: str | Path, expected: str) -> Path:
    """Return where the hub's client keeps a repository; ModelError if it was not downloaded."""
    advice = "check the name; `lite` and `lite-adapter` are shipped"
    if str(name).count("/") != 1 or str(name).startswith((".", "/", "~")):
        raise ModelError(f"no model {str(name)!r}", expected, advice)
    try:
        return Path(snapshot_download(str(name), local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError) as error:
        what = f"{name} is neither a folder nor a downloaded hub model"
        raise ModelError(what, expected, _download(name)) from error


def pipeline_class(folder: Path) -> str:
    """Return the name of the pipeline that a folder was saved from; ModelError if damaged."""
    return str(_index(folder).get("_class_name", ""))


def is_ltx2(name: str | Path) -> bool:
    """Return whether a folder (or downloaded hub model) is of the LTX-2 family."""
    return pipeline_class(model_folder(name)).startswith("LTX2")


def check_generation(folder: Path) -> None:
    """Raise ModelError for an LTX-2.5: the pipelines of LTX-2.3, but another text encoder."""
    index = _index(folder)
    encoder = str((index.get("text_encoder") or ["", ""])[-1])
    if encoder.startswith("Gemma4") or any((index.get(part) or [None])[-1] for part in NEWER):
        raise ModelError(
            f"{folder.name} is an LTX-2.5",
            "LTX-2 or LTX-2.3: adapters and captions of one generation do not fit another",
            "name diffusers/LTX-2.3-Diffusers, or train an adapter for LTX-2.5 elsewhere",
        )


def stored_sha256(file: Path) -> str:
    """Return a file's SHA-256; the hub's client names large files by it, so those are not read."""
    blob = file.resolve()
    named = blob.parent.name == "blobs" and len(blob.name) == 64
    return blob.name if named else sha256(file)


def weights_digest(weights: Mapping[str, str]) -> str:
    """Return one hash for the hashes of many weight files, by name."""
    lines = (f"{name} {digest}" for name, digest in sorted(weights.items()))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def transformer_digest(model: str | Path) -> str:
    """Return a hash of a model's transformer: a run goes on with the one it began with."""
    files = (model_folder(model) / "transformer").glob("*.safetensors")
    return weights_digest({file.name: stored_sha256(file) for file in files})


def stock_positions(folder: Path) -> Positions:
    """Return where the folder's own pipeline says that latent frames start."""
    older = ("LTXPipeline", "LTXImageToVideoPipeline")
    return "uniform" if pipeline_class(folder) in older else "causal"


def _index(folder: Path) -> dict[str, Any]:
    file = folder / "model_index.json"
    index = read_json(file) if file.exists() else {}
    if not isinstance(index, dict):
        raise ModelError(f"{file} is no table", "it as diffusers writes it", "restore the folder")
    return index


def _download(name: str | Path) -> str:
    """Say how to get a repository: the folders in diffusers layout and nothing else of it."""
    parts = (*PARTS, *MORE) if "LTX-2" in str(name) else PARTS
    wanted = " ".join(f'"{part}/*"' for part in parts)
    if any(word in str(name).lower() for word in ("lora", "upsampler", "upscaler")):
        return f"download it once: hf download {name}"
    return f"download it once: hf download {name} --include model_index.json {wanted}"
