"""A model that is ready to edit: weights, adapter, and what kind of clips it knows."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from synclora_lite.artifacts import shipped
from synclora_lite.editing.domain import FILE as DOMAIN
from synclora_lite.editing.domain import Domain, load_domain
from synclora_lite.editing.methods import METHODS
from synclora_lite.errors import EditError, ModelError
from synclora_lite.files import read_json
from synclora_lite.i2v import I2VModel, decode, encode, load_model
from synclora_lite.i2v.folders import hub_folder, model_folder, stored_sha256
from synclora_lite.i2v.model import SETTINGS
from synclora_lite.i2v.precision import check_device, natural_dtype
from synclora_lite.incontext import (
    AdapterSettings,
    Coverage,
    adapter_file,
    coverage,
    load_adapter,
    read_weights,
)
from synclora_lite.settings import HUGE
from synclora_lite.training.latents import to_frames, to_model_range

TUNED = "tuned.json"
REMOVE = "tune the model again, or remove the file"
FULL_SIZE = Domain(512, 81, math.inf, "portraits of any kind")  # of a stock LTX-Video folder
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
            `benchmarks.tuning`.
        folder: Where the model was loaded from.
        covered: How many layers the adapter changes.

    """

    model: I2VModel
    domain: Domain
    adapter: AdapterSettings | None = None
    hashes: tuple[tuple[str, str], ...] = ()
    tuned: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    folder: Path | None = None
    covered: Coverage | None = None

    @torch.no_grad()
    def encode(self, frames: UInt8[np.ndarray, "frames side side 3"]) -> Latents:
        """Encode frames of the model's own size."""
        video = to_model_range(torch.from_numpy(frames)[None])
        return encode(self.model, video.to(self.model.device)).to(self.model.caption)

    @torch.no_grad()
    def decode(self, latents: Latents) -> UInt8[np.ndarray, "_ side side 3"]:
        """Decode to frames."""
        return to_frames(decode(self.model, latents))[0].cpu().numpy()


def load_editor(
    model: str | Path = "lite", adapter: str | Path | None = None, device: str = "cpu"
) -> Editor:
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
    _check_numbers(loaded)
    tuned = tuned_settings(folder)
    hashes = weight_hashes(places)
    if strength != 1:
        hashes = (*hashes, ("adapter strength", f"{strength:g}"))
    return Editor(loaded, _domain(folder), settings, hashes, tuned, folder, covered)


def tuned_settings(folder: Path) -> dict[str, dict[str, float]]:
    """Return per method what did best on validation clips, if a model folder says so.

    Raises:
        ModelError: `tuned.json` is no table of methods, each with numbers for its own settings.
        ArtifactError: It is not JSON.

    """
    file = folder / TUNED
    stored = read_json(file) if file.exists() else {}
    _check_table(file, stored, METHODS)
    tuned: dict[str, dict[str, float]] = {}
    for method, settings in stored.items():
        where, own = f"{method} in {file}", {*METHODS[method].options} - {"detail"}
        _check_table(where, settings, own)
        for name, value in settings.items():
            plain = isinstance(value, int | float) and not isinstance(value, bool)
            if not (plain and abs(value) <= HUGE):
                raise ModelError(f"{name} of {where} is {str(value)[:60]}", "a number", REMOVE)
        tuned[method] = {name: float(value) for name, value in settings.items()}
    return tuned


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
    name, colon, number = str(adapter).rpartition(":")
    try:
        strength = float(number)
    except ValueError:
        return str(adapter), 1.0
    if not colon:
        return str(adapter), 1.0
    if not -4 <= strength <= 4:
        raise EditError(f"an adapter of strength {number}", "-4 to 4; 1 is as trained")
    return name, strength


def weight_hashes(places: list[Path]) -> tuple[tuple[str, str], ...]:
    """Return name and SHA-256 of every weight file in folders (or of the files themselves)."""
    files = [
        file
        for place in places
        for file in ([place] if place.is_file() else sorted(place.rglob("*.safetensors")))
    ]
    return tuple((f"{file.parent.name}/{file.name}", stored_sha256(file)) for file in files)


def _check_table(where: str | Path, table: object, names: Collection[str]) -> None:
    """Raise ModelError unless it is a table with no other names than these."""
    if not isinstance(table, dict):
        raise ModelError(f"{where} holds {str(table)[:60]}", "a table", REMOVE)
    for name in table:
        if name not in names:
            expected = ", ".join(sorted(names)) or "nothing"
            raise ModelError(f"{where} holds {name[:60]!r}", expected, REMOVE)


def _domain(folder: Path) -> Domain:
    """Return what was measured, or for a stock folder, which is none of ours, no limit."""
    stock = not (folder / DOMAIN).exists() and not (folder / SETTINGS).exists()
    return FULL_SIZE if stock else load_domain(folder)


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
