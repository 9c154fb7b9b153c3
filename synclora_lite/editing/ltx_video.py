"""The lite model and LTX-Video, ready to edit: weights, adapter, and the clips they know."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from synclora_lite.artifacts import shipped
from synclora_lite.editing.domain import FILE as DOMAIN
from synclora_lite.editing.domain import Domain, load_domain
from synclora_lite.errors import EditError, ModelError
from synclora_lite.models import (
    AdapterSettings,
    Coverage,
    I2VModel,
    adapter_file,
    coverage,
    decode,
    encode,
    load_adapter,
    load_model,
    read_weights,
)
from synclora_lite.models.folders import hub_folder, model_folder, stored_sha256
from synclora_lite.models.latents import to_frames, to_model_range
from synclora_lite.models.model import SETTINGS
from synclora_lite.models.precision import check_device, natural_dtype

FULL_SIZE = Domain(512, 81, math.inf, "portraits of any kind")  # of a stock LTX-Video folder
Latents = Float[Tensor, "1 channels latent_frames latent_height latent_width"]


@dataclass(frozen=True)
class LTXVideo:
    """A loaded model of the LTX-Video family, the lite model among them.

    Attributes:
        model: The image-to-video model, with its adapters.
        domain: Size, length and kind of the clips it knows.
        adapter: How the adapter is to be used, or None for the plain model.
        hashes: SHA-256 by weight file, for provenance.
        covered: How many layers the adapter changes.
        fused: Whether the adapter was added to the weights, so that there is no plain model.

    """

    model: I2VModel
    domain: Domain
    adapter: AdapterSettings | None = None
    hashes: dict[str, str] = field(default_factory=dict)
    covered: Coverage | None = None
    fused: bool = False

    @torch.no_grad()
    def encode(self, frames: UInt8[np.ndarray, "frames side side 3"]) -> Latents:
        """Encode frames of the model's own size."""
        video = to_model_range(torch.from_numpy(frames)[None])
        return encode(self.model, video.to(self.model.device)).to(self.model.caption)

    @torch.no_grad()
    def decode(self, latents: Latents) -> UInt8[np.ndarray, "_ side side 3"]:
        """Decode to frames."""
        return to_frames(decode(self.model, latents))[0].cpu().numpy()


def load_ltx_video(
    model: str | Path = "lite", adapter: str | Path | None = None, device: str = "cpu"
) -> LTXVideo:
    """Load a model folder and, if named, an adapter, whose update is added to the weights.

    Args:
        model: "lite", the name of another shipped model, a folder in diffusers layout, or the
            name of a downloaded hub model of the LTX-Video family.
        adapter: "lite-adapter", a folder, a safetensors file, or the name of a downloaded hub
            repository, with :STRENGTH if it is not 1; None for the plain model.
        device: Where to run.

    Raises:
        ModelError: Files are missing or damaged, the weights are not numbers, or nobody measured
            what kind of clips the model knows.
        ConfigError: This machine lacks the device.

    """
    check_device(device)
    folder = model_folder(model)
    loaded = load_model(folder, device, natural_dtype(folder, device))
    places, settings, covered, strength = [folder], None, None, 1.0
    if adapter is not None:
        name, strength = split_strength(adapter)
        places.append(adapter_place(name))
        covered = coverage(read_weights(places[-1], loaded.transformer), loaded.transformer)
        settings = load_adapter(loaded.transformer, places[-1], strength=strength, fuse=True)
    for part in (loaded.vae, loaded.transformer):  # one such weight would make every frame grey
        for name, weight in part.named_parameters():
            if not torch.isfinite(weight).all():
                what = f"{type(part).__name__}.{name} holds values that are no numbers"
                advice = "restore the files, or train again with a lower learning rate"
                raise ModelError(what, "finite weights", advice)
    hashes = weight_hashes(places)
    if strength != 1:
        hashes["adapter strength"] = f"{strength:g}"
    stock = not (folder / DOMAIN).exists() and not (folder / SETTINGS).exists()
    domain = FULL_SIZE if stock else load_domain(folder)
    return LTXVideo(loaded, domain, settings, hashes, covered, settings is not None)


def adapter_place(name: str | Path) -> Path:
    """Return the folder or file of an adapter: shipped, on disk, or a downloaded repository.

    Raises:
        ModelError: There is none.

    """
    for place in (shipped(name), Path(name)):
        if place.exists():
            return place
    if Path(name).suffix == ".safetensors":
        return adapter_file(name)
    return hub_folder(name, "lite-adapter, a folder or file, or a hub repository")


def split_strength(adapter: str | Path) -> tuple[str, float]:
    """Return name and strength of an adapter given as NAME or NAME:STRENGTH.

    Raises:
        EditError: The strength is beyond reason.

    """
    name, _, number = str(adapter).rpartition(":")
    try:
        strength = float(number) if name else 1.0
    except ValueError:
        name, strength = "", 1.0
    if not -4 <= strength <= 4:
        raise EditError(f"an adapter of strength {number}", "-4 to 4; 1 is as trained")
    return name or str(adapter), strength


def weight_hashes(places: list[Path]) -> dict[str, str]:
    """Return the SHA-256 of every weight file in folders (or of the files themselves)."""
    files = [
        file
        for place in places
        for file in ([place] if place.is_file() else sorted(place.rglob("*.safetensors")))
    ]
    return {f"{file.parent.name}/{file.name}": stored_sha256(file) for file in files}


def uncovered(adapters: Iterable[Coverage]) -> list[str]:
    """Return a warning for every adapter that leaves out some of the usual layers."""
    return [f"the adapter covers {a}" for a in adapters if a.layers < a.usual]
