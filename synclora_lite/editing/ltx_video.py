"""The lite model and LTX-Video, ready to edit: weights, adapter, and the clips they know."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from synclora_lite.core import target_layers
from synclora_lite.editing.domain import FILE as DOMAIN
from synclora_lite.editing.domain import Domain, load_domain
from synclora_lite.errors import EditError, ModelError
from synclora_lite.models import AdapterSettings, I2VModel, decode, encode, load_adapter, load_model
from synclora_lite.models.folders import model_folder, stored_sha256
from synclora_lite.models.formats import Coverage, adapter_file, coverage
from synclora_lite.models.latents import to_frames, to_model_range
from synclora_lite.models.model import SETTINGS
from synclora_lite.models.precision import check_device, natural_dtype

FULL_SIZE = Domain(512, 81, math.inf, "portraits of any kind")  # of a stock LTX-Video folder
Latents = Float[Tensor, "1 channels latent_frames latent_height latent_width"]
Frames = UInt8[np.ndarray, "frames side side 3"]


@dataclass(frozen=True)
class LTXVideo:
    """A loaded model of the LTX-Video family, the lite model among them."""

    model: I2VModel  # with its adapters
    domain: Domain  # size, length and kind of the clips it knows
    adapter: AdapterSettings | None = None  # how the adapter is used; None for the plain model
    hashes: dict[str, str] = field(default_factory=dict)  # SHA-256 by weight file
    covered: Coverage | None = None  # how many layers the adapter changes
    fused: bool = False  # the adapter was added to the weights: there is no plain model

    @property
    def in_context(self) -> bool:
        """Whether there is an in-context adapter."""
        return self.adapter is not None

    @torch.no_grad()
    def encode(self, frames: Frames) -> Latents:
        """Encode frames of the model's own size."""
        return encode(self.model, self._video(frames)).to(self.model.caption)

    @torch.no_grad()
    def decode(self, latents: Latents, source: tuple[Frames, Latents] | None = None) -> Frames:
        """Decode to frames; `source` is a clip and its latents, see `models.decode`."""
        beside = source and (self._video(source[0]), source[1])
        return to_frames(decode(self.model, latents, beside))[0].cpu().numpy()

    def _video(self, frames: Frames) -> Float[Tensor, "1 3 frames side side"]:
        return to_model_range(torch.from_numpy(frames)[None]).to(self.model.device)


def load_ltx_video(
    model: str | Path = "lite", adapter: str | Path | None = None, device: str = "cpu"
) -> LTXVideo:
    """Load a model and, if named, an adapter, see `SyncLoraPipeline.from_pretrained`.

    Raises ModelError if files are missing, damaged, or do not say what clips the model knows,
    ConfigError if this machine lacks the device.
    """
    check_device(device)
    folder = model_folder(model)
    loaded = load_model(folder, device, natural_dtype(folder, device))
    hashes, settings, covered = weight_hashes([folder]), None, None
    if adapter is not None:
        name, strength = split_strength(adapter)
        hashes |= weight_hashes([adapter_file(name)])
        if strength != 1:
            hashes["adapter strength"] = f"{strength:g}"
        settings = load_adapter(loaded.transformer, name, strength=strength, fuse=True)
        changed = target_layers(loaded.transformer, settings.targets)
        covered = coverage(changed, loaded.transformer)
    for part in (loaded.vae, loaded.transformer):  # one such weight would make every frame grey
        for name, weight in part.named_parameters():
            if not torch.isfinite(weight).all():
                what = f"{type(part).__name__}.{name} holds values that are no numbers"
                advice = "restore the files, or train again with a lower learning rate"
                raise ModelError(what, "finite weights", advice)
    stock = not (folder / DOMAIN).exists() and not (folder / SETTINGS).exists()
    domain = FULL_SIZE if stock else load_domain(folder)
    return LTXVideo(loaded, domain, settings, hashes, covered, settings is not None)


def split_strength(adapter: str | Path) -> tuple[str, float]:
    """Return name and strength of an adapter given as NAME or NAME:STRENGTH."""
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
    return {
        f"{file.parent.name}/{file.name}": stored_sha256(file)
        for place in places
        for file in ([place] if place.is_file() else sorted(place.rglob("*.safetensors")))
    }


def uncovered(adapters: Iterable[Coverage]) -> list[str]:
    """Return a warning for every adapter that leaves out some of the usual layers."""
    return [f"the adapter covers {a}" for a in adapters if a.layers < a.usual]
