"""The I2V model: autoencoder, transformer, scheduler and one constant caption, as a folder."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import diffusers
import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXVideoTransformer3DModel,
)
from jaxtyping import Float
from pydantic import Field
from safetensors.torch import save_file
from torch import Tensor

from synclora_lite.core import Conditioning, Layout, Positions, token_coordinates
from synclora_lite.errors import ModelError
from synclora_lite.files import atomic_path, read_json, write_json
from synclora_lite.models.autoencoder import Autoencoder
from synclora_lite.models.captions import CAPTION, load_caption
from synclora_lite.models.folders import model_folder, pipeline_class, stock_positions
from synclora_lite.models.loading import check_config, load_part
from synclora_lite.settings import FrameRate, Settings, build

SETTINGS = "synclora.json"  # what diffusers has no place for: rate, positions, steps
Latents = Float[Tensor, "batch channels frames height width"]


@dataclass(frozen=True)
class _Settings(Settings):
    frame_rate: FrameRate
    positions: Positions
    steps: Annotated[int, Field(ge=1, le=1000)] = 20
    reference_offset: int = 0


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
    reference_offset: int = 0  # where its adapters find a reference: latent columns to the right

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

    def coordinates(
        self, frames: int, height: int, width: int, offset_columns: int = 0
    ) -> Float[Tensor, "3 tokens"]:
        """Return `token_coordinates` for latents of this size."""
        return token_coordinates(
            frames,
            height,
            width,
            spatial_ratio=self.spatial_ratio,
            temporal_ratio=self.temporal_ratio,
            frame_rate=self.frame_rate,
            positions=self.positions,
            offset_columns=offset_columns,
        ).to(self.device)

    def conditioning(
        self,
        size: Sequence[int],
        reference: Latents | None = None,
        reference_offset: int | None = None,
        layout: Layout = "reference-self",
    ) -> Conditioning:
        """Return what the transformer is told about clips besides their noise.

        Args:
            size: Latent frames, rows and columns of the target.
            reference: Normalised latents of the source clips.
            reference_offset: Latent columns by which their positions are moved to the right; where
                the model's adapters look if None.
            layout: What the reference may attend to; as the adapter was trained.

        """
        place = None
        if reference is not None:
            frames, height, width = reference.shape[2:]
            offset = self.reference_offset if reference_offset is None else reference_offset
            place = self.coordinates(frames, height, width, offset)
        return Conditioning(self.caption, self.coordinates(*size), reference, place, layout)


def create_model(
    vae: dict[str, Any],
    transformer: dict[str, Any],
    scheduler: dict[str, Any] | None = None,
    *,
    seed: int = 0,
    frame_rate: float = 12.0,
    positions: Positions = "causal",
    name: str = "lite",
) -> I2VModel:
    """Make a model with random weights from the configurations of its diffusers classes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        autoencoder = AutoencoderKLLTXVideo(**vae)
        network = LTXVideoTransformer3DModel(**transformer)
        caption = torch.randn(1, 1, network.config.caption_channels)
    return I2VModel(
        autoencoder.eval(),
        network.eval(),
        FlowMatchEulerDiscreteScheduler(**(scheduler or {})),
        caption,
        frame_rate,
        positions,
        name,
    )


def load_model(
    name: str | Path = "lite",
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> I2VModel:
    """Load a model of the LTX-Video family: "lite", a folder in diffusers layout, or a hub name.

    Raises:
        ModelError: The folder or a part of it is missing, or it is of another family.

    """
    folder = model_folder(name)
    for part in ("vae", "transformer", "scheduler"):
        if not (folder / part).exists():
            raise ModelError(
                f"{folder} holds no {part}",
                "a model folder in diffusers layout",
                "name `lite`, a folder that save_model wrote, or a hub name",
            )
    if pipeline_class(folder).startswith("LTX2"):
        raise ModelError(
            f"{name} is an LTX-2 model", "one of the LTX-Video family", "use load_ltx2 for it"
        )
    settings: dict[str, Any] = {"frame_rate": 25.0, "positions": stock_positions(folder)}
    if (folder / SETTINGS).exists():
        settings |= asdict(build(_Settings, read_json(folder / SETTINGS)))
    config = read_json(folder / "scheduler" / "scheduler_config.json")
    check_config(config, folder / "scheduler")
    try:
        scheduler = FlowMatchEulerDiscreteScheduler.from_config(config)
    except (TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        what = f"the scheduler in {folder / 'scheduler'} makes no sense ({str(error)[:100]})"
        raise ModelError(what, "scheduler_config.json as diffusers writes it") from error
    caption = load_caption(folder)  # first, so that a text encoder is gone before the rest comes
    diffusers.utils.logging.disable_progress_bar()  # bars of a second's length are only noise
    vae = load_part(AutoencoderKLLTXVideo, folder / "vae", dtype)
    transformer = load_part(LTXVideoTransformer3DModel, folder / "transformer", dtype)
    return I2VModel(
        vae.to(device).eval(),
        transformer.to(device).eval(),
        scheduler,
        caption.to(device, dtype),
        **{"name": Path(name).name, **settings},
    )


def save_model(
    model: I2VModel,
    folder: str | Path,
    dtype: torch.dtype | None = None,
    *,
    max_shard_size: str = "5GB",
) -> Path:
    """Write the model in diffusers layout, so that the stock LTX pipelines load it.

    Weights may be converted, e.g. to `torch.float16` for half the size; larger files than
    `max_shard_size` are split.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_part(model.vae, folder / "vae", dtype, max_shard_size)
    save_part(model.transformer, folder / "transformer", dtype, max_shard_size)
    model.scheduler.save_pretrained(folder / "scheduler")
    with atomic_path(folder / CAPTION) as path:
        save_file({"caption": model.caption.detach().float().cpu().contiguous()}, path)
    settings = {name: getattr(model, name) for name in _Settings.__dataclass_fields__}
    write_json(folder / SETTINGS, settings)
    index: dict[str, Any] = {
        "_class_name": "LTXImageToVideoPipeline",
        "_diffusers_version": diffusers.__version__,
    }
    parts = {"scheduler": model.scheduler, "text_encoder": None, "tokenizer": None,
             "transformer": model.transformer, "vae": model.vae}  # fmt: skip
    for part, of in parts.items():
        found = [type(of).__module__.split(".")[0], type(of).__name__]
        index[part] = [None, None] if of is None else found
    write_json(folder / "model_index.json", index)
    return folder


def save_part(
    part: Autoencoder | LTXVideoTransformer3DModel,
    folder: Path,
    dtype: torch.dtype | None = None,
    max_shard_size: str = "5GB",
) -> None:
    """Write one network as `save_pretrained` would, in another precision if asked."""
    original = part.dtype
    if dtype is None or dtype == original:
        part.save_pretrained(folder, max_shard_size=max_shard_size)
        return
    converted = type(part).from_config(part.config)
    converted.load_state_dict(part.state_dict())
    torch.nn.Module.to(converted, dtype).save_pretrained(folder, max_shard_size=max_shard_size)
