"""The I2V model: autoencoder, transformer, scheduler and one constant caption, as a folder.

Anyone may have written a folder: networks come from safetensors only, their sizes checked first.
"""

import copy
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import diffusers
import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXVideoTransformer3DModel,
    ModelMixin,
)
from jaxtyping import Float
from pydantic import Field
from safetensors import SafetensorError
from torch import Tensor

from synclora_lite.core import Conditioning, Layout, Positions, token_coordinates
from synclora_lite.errors import ModelError
from synclora_lite.files import read_json, write_json
from synclora_lite.models.autoencoder import Autoencoder, Latents, MotionAutoencoder
from synclora_lite.models.captions import CAPTION, embed_prompt, kept_caption
from synclora_lite.models.folders import is_ltx2, model_folder, stock_positions
from synclora_lite.models.transformer import PreconditionedLTXTransformer
from synclora_lite.settings import FrameRate, Settings, build
from synclora_lite.tensors import write_tensors

# of LTX-2.3, and of tiny models for tests and examples (`synclora_course.tiny_ltx`)
SIZES: dict[str, dict[str, dict[str, Any]]] = tomllib.loads(
    Path(__file__).with_name("sizes.toml").read_text("utf-8")
)
Part = TypeVar("Part", bound=ModelMixin)
OURS = {kind.__name__: kind for kind in (MotionAutoencoder, PreconditionedLTXTransformer)}
LARGEST, LAYERS, ENTRIES = 2**20, 1000, 100
# What diffusers and torch raise on folders that are broken in one way or another.
_BROKEN = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError),
    *(RuntimeError, ArithmeticError, NameError, SafetensorError),
)
_ADVICE = "restore the folder, or make it again"
SETTINGS = "synclora.json"  # what diffusers has no place for: rate, positions, steps


@dataclass(frozen=True)
class _Settings(Settings):
    frame_rate: FrameRate
    positions: Positions
    steps: Annotated[int, Field(ge=1, le=1000)] = 20


@dataclass(frozen=True)
class I2VModel:
    """An image-to-video model of the LTX-Video family."""

    vae: Autoencoder  # holds the mean and deviation of its latents, too
    transformer: LTXVideoTransformer3DModel  # predicts velocities, with or without an adapter
    scheduler: FlowMatchEulerDiscreteScheduler  # sets the noise levels of sampling
    caption: Float[Tensor, "1 caption_tokens dim"]  # stands for the prompt of every clip
    frame_rate: float = 12.0  # of the clips it knows; sets the time coordinate
    positions: Positions = "causal"  # where a latent frame starts; see `latent_frame_starts`
    name: str = "lite"  # for reports
    steps: int = 20  # of sampling that are enough where a first frame, or a reference, is known

    @property
    def spatial_ratio(self) -> int:
        """Pixels per latent row and column."""
        return self.vae.spatial_compression_ratio

    @property
    def temporal_ratio(self) -> int:
        """Pixel frames per latent frame (but the first, which holds one)."""
        return self.vae.temporal_compression_ratio

    @property
    def device(self) -> torch.device:
        """Where the transformer is."""
        return self.transformer.device

    def coordinates(self, frames: int, height: int, width: int) -> Float[Tensor, "3 tokens"]:
        """Return `token_coordinates` for latents of this size."""
        return token_coordinates(
            frames,
            height,
            width,
            spatial_ratio=self.spatial_ratio,
            temporal_ratio=self.temporal_ratio,
            frame_rate=self.frame_rate,
            positions=self.positions,
        ).to(self.device)

    def conditioning(
        self,
        size: Sequence[int],
        reference: Latents | None = None,
        layout: Layout = "reference-self",
    ) -> Conditioning:
        """Return what is told besides noise; `size` is latent frames, rows and columns."""
        return Conditioning(self.caption, self.coordinates(*size), reference, layout)


def load_model(
    name: str | Path = "lite",
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> I2VModel:
    """Load a model of the LTX-Video family: "lite", a folder in diffusers layout, or a hub name.

    Raises ModelError if the folder or a part of it is missing, or it is of another family.
    """
    folder = model_folder(name)
    for part in ("vae", "transformer", "scheduler"):
        if not (folder / part).exists():
            advice = "name `lite`, a folder that save_model wrote, or a hub name"
            what = f"{folder} holds no {part}"
            raise ModelError(what, "a model folder in diffusers layout", advice)
    if is_ltx2(folder):
        what, expected = f"{name} is an LTX-2 model", "one of the LTX-Video family"
        raise ModelError(what, expected, "use load_ltx2 for it")
    settings: dict[str, Any] = {"frame_rate": 25.0, "positions": stock_positions(folder)}
    if (folder / SETTINGS).exists():
        settings |= asdict(build(_Settings, read_json(folder / SETTINGS)))
    scheduler = _load_scheduler(folder / "scheduler")
    # first, so that a text encoder is gone before the rest comes
    caption = kept_caption(folder, embed_prompt)["caption"]
    diffusers.utils.logging.disable_progress_bar()  # bars of a second's length are only noise
    return I2VModel(
        load_part(AutoencoderKLLTXVideo, folder / "vae", dtype).to(device).eval(),
        load_part(LTXVideoTransformer3DModel, folder / "transformer", dtype).to(device).eval(),
        scheduler,
        caption.to(device, dtype),
        **{"name": Path(name).name, **settings},
    )


def load_part(kind: type[Part], folder: str | Path, dtype: torch.dtype = torch.float32) -> Part:
    """Load one network of the given class, unless its configuration names one of OURS.

    Pickled weights are never read, and a configuration that asks for more than the largest models
    have is refused before anything is built. Raises ModelError if a file is missing or damaged, or
    the weights do not fit the configuration.
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder} holds no config.json", "a network in diffusers layout", _ADVICE)
    config = read_json(folder / "config.json")
    check_config(config, folder)
    built, how = part_class(config, kind), {"local_files_only": True, "output_loading_info": True}
    try:  # `torch_dtype` is the name that every diffusers knows
        part, info = built.from_pretrained(folder, torch_dtype=dtype, use_safetensors=True, **how)
    except _BROKEN as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        what = f"{folder} cannot be loaded ({reason})"
        raise ModelError(what, "a whole network", _ADVICE) from error
    if missing := [*info["missing_keys"], *info["mismatched_keys"]]:
        what = f"{folder} lacks {len(missing)} weights, such as {str(missing[0])[:100]}"
        raise ModelError(what, "weights that fit config.json", _ADVICE)
    return part


def part_class(config: dict[str, Any], kind: type[Part]) -> type[Part]:
    """Return the class that a configuration is of: one of OURS, or else the given one."""
    found: Any = OURS.get(str(config.get("_class_name")), kind)
    return found


def check_config(config: Any, where: Path) -> None:
    """Raise ModelError for a configuration that is no table, or with numbers beyond all models'."""
    if not isinstance(config, dict):
        raise ModelError(f"the configuration in {where} is no table", "config.json", _ADVICE)
    for name, value in config.items():
        entries = value if isinstance(value, list) else [value]
        most = LAYERS if "layers" in name else LARGEST
        numbers = [n for n in entries if isinstance(n, int | float)]
        if len(entries) > ENTRIES or not all(abs(number) <= most for number in numbers):
            raise ModelError(
                f"{name} of {where} is {str(value)[:60]}", f"numbers up to {most}", _ADVICE
            )


def _load_scheduler(folder: Path) -> FlowMatchEulerDiscreteScheduler:
    config = read_json(folder / "scheduler_config.json")
    check_config(config, folder)
    try:
        return FlowMatchEulerDiscreteScheduler.from_config(config)
    except (TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        what = f"the scheduler in {folder} makes no sense ({str(error)[:100]})"
        raise ModelError(what, "scheduler_config.json as diffusers writes it") from error


def save_model(
    model: I2VModel,
    folder: str | Path,
    dtype: torch.dtype | None = None,
    *,
    max_shard_size: str = "5GB",
) -> Path:
    """Write the model, its weights converted or not, so that the stock LTX pipelines load it."""
    folder = Path(folder)
    for name, part in (("vae", model.vae), ("transformer", model.transformer)):
        kept = part if dtype is None else torch.nn.Module.to(copy.deepcopy(part), dtype)
        kept.save_pretrained(folder / name, max_shard_size=max_shard_size)
    model.scheduler.save_pretrained(folder / "scheduler")
    write_tensors(folder / CAPTION, {"caption": model.caption.detach().float().cpu()}, {})
    settings = {name: getattr(model, name) for name in _Settings.__dataclass_fields__}
    write_json(folder / SETTINGS, settings)
    index: dict[str, Any] = {
        "_class_name": "LTXImageToVideoPipeline",
        "_diffusers_version": diffusers.__version__,
        **dict.fromkeys(("text_encoder", "tokenizer"), (None, None)),
    }
    for name in ("scheduler", "transformer", "vae"):
        kind = type(getattr(model, name))
        index[name] = [kind.__module__.split(".")[0], kind.__name__]
    write_json(folder / "model_index.json", index)
    return folder
