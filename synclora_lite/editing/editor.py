"""A model that is ready to edit: weights, adapter, and what kind of clips it knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from synclora_lite.editing.domain import Domain, load_domain
from synclora_lite.errors import ModelError
from synclora_lite.files import data_dir, read_json, sha256
from synclora_lite.i2v import I2VModel, decode, encode, load_model
from synclora_lite.incontext import AdapterSettings, load_adapter
from synclora_lite.training.latents import to_frames, to_model_range

TUNED = "tuned.json"
Latents = Float[Tensor, "1 channels latent_frames latent_height latent_width"]


@dataclass(frozen=True)
class Editor:
    """What the methods with a model are given.

    Attributes:
        model: The image-to-video model, with the adapter's update in its weights if there is one.
        domain: Size, length and kind of the clips it knows.
        adapter: How the adapter is to be used, or None for the plain model.
        hashes: SHA-256 of the weight files, for provenance.
        tuned: Per method, the settings that did best on validation clips; see
            `synclora_lite.evaluation.tuning`.

    """

    model: I2VModel
    domain: Domain
    adapter: AdapterSettings | None = None
    hashes: tuple[tuple[str, str], ...] = ()
    tuned: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @torch.no_grad()
    def encode(self, frames: UInt8[np.ndarray, "frames side side 3"]) -> Latents:
        """Encode frames of the model's own size."""
        video = to_model_range(torch.from_numpy(frames)[None])
        return encode(self.model, video.to(self.model.device)).to(self.model.caption)

    @torch.no_grad()
    def decode(self, latents: Latents) -> UInt8[np.ndarray, "_ side side 3"]:
        """Decode to frames."""
        return to_frames(decode(self.model, latents))[0].cpu().numpy()


@lru_cache(maxsize=2)
def load_editor(
    model: str | Path = "lite", adapter: str | Path | None = None, device: str = "cpu"
) -> Editor:
    """Load a model folder and, if named, an adapter; the last two stay in memory.

    Args:
        model: "lite", the name of another shipped model, or a folder in diffusers layout.
        adapter: "lite-adapter", a folder, or a safetensors file; None for the plain model.
        device: Where to run.

    Raises:
        ModelError: Files are missing or damaged, the weights are not numbers, or nobody measured
            what kind of clips the model knows.

    """
    _check_device(device)
    folder = _folder(model)
    loaded = load_model(folder, device)
    settings = None
    if adapter is not None:
        settings = load_adapter(loaded.transformer, _folder(adapter), fuse=True)
    _check_numbers(loaded)
    places = [folder] if adapter is None else [folder, _folder(adapter)]
    tuned = read_json(folder / TUNED) if (folder / TUNED).exists() else {}
    return Editor(loaded, load_domain(folder), settings, _hashes(places), tuned)


def _check_device(device: str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"device {device!r}", "a device of this machine", "use cpu") from error


def _folder(name: str | Path) -> Path:
    """Return a shipped model's folder, or the path itself."""
    shipped = data_dir() / "models" / str(name)
    if shipped.is_dir():
        return shipped
    if not Path(name).exists():
        raise ModelError(
            f"no model {str(name)!r}",
            "lite, lite-adapter, or a folder on this machine",
            "download a model first, or name its folder",
        )
    return Path(name)


def _check_numbers(model: I2VModel) -> None:
    """Raise ModelError if a weight is not a finite number: it would make every frame grey."""
    for part in (model.vae, model.transformer):
        for name, weight in part.named_parameters():
            if not torch.isfinite(weight).all():
                raise ModelError(
                    f"{type(part).__name__}.{name} holds values that are no numbers",
                    "finite weights",
                    "restore the files, or train again with a lower learning rate",
                )


def _hashes(places: list[Path]) -> tuple[tuple[str, str], ...]:
    files = [
        file
        for place in places
        for file in ([place] if place.is_file() else sorted(place.rglob("*.safetensors")))
    ]
    return tuple((f"{file.parent.name}/{file.name}", sha256(file)) for file in files)
