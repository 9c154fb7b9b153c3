"""Configuration of the recipes that make the base model: TOML tables into frozen dataclasses."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diffusers import FlowMatchEulerDiscreteScheduler

from synclora_lite.core import Positions, scheduler_shift
from synclora_lite.errors import ConfigError
from synclora_lite.models.loading import check_config
from synclora_lite.settings import Count, Fraction, NonNegative, Settings, Size
from synclora_lite.training.config import FlowConfig, LoopConfig, read_config


@dataclass(frozen=True)
class AutoencoderConfig(Settings):
    """Train the autoencoder on banks of frames.

    Attributes:
        frames: Length of the windows it is shown; short ones first make quick progress.
        feature_weight: How much more the eyes and the mouth count than the rest.
        crop: Side in pixels of the square about the face that it is shown; all of the frame if 0.
            Seven tenths of the error lie on a twentieth of the pixels, nearly all on the head.
        principal: How many clips the start is fitted to by principal components; 0 begins with
            random weights.
        decoder_only: Leave the encoder, and so the latents, as they are.

    """

    loop: LoopConfig
    bank: Path
    channels: Size = 128
    width: Size = 128
    patch: Size = 4
    start: Path | None = None
    frames: Size = 17
    kl: float = 1e-4
    square_weight: float = 4.0
    gradient_weight: float = 0.5
    feature_weight: float = 5.0
    crop: Count = 0
    principal: Count = 0
    decoder_only: bool = False
    validation_clips: Count = 16


@dataclass(frozen=True)
class PretrainConfig(Settings):
    """Train the base image-to-video transformer on a latent bank."""

    loop: LoopConfig
    bank: Path
    vae: Path
    width: Size = 256
    layers: Size = 6
    heads: Size = 4
    start: Path | None = None
    two_panel: Fraction = 0.2  # fraction of steps on two panels side by side
    given_panel: Fraction = 0.0  # fraction of these in which one panel is given whole
    first_frame: Fraction = 1.0  # probability that the first frame is given
    frame_rate: NonNegative = 12.0
    positions: Positions = "causal"
    flow: FlowConfig = field(default_factory=FlowConfig)
    scheduler: dict[str, Any] = field(default_factory=dict)
    validation_clips: Count = 16
    samples: Count = 4


Config = AutoencoderConfig | PretrainConfig
RECIPES: dict[str, type[AutoencoderConfig] | type[PretrainConfig]] = {
    "autoencoder": AutoencoderConfig,
    "pretrain": PretrainConfig,
}


def load(path: str | Path) -> tuple[Config, Path]:
    """Read the TOML file of a recipe; see `read_config`.

    Raises:
        ConfigError: As there, or a setting does not fit another.
        ModelError: A setting of the scheduler is beyond that of any model.

    """
    config, out = read_config(path, RECIPES)
    if isinstance(config, PretrainConfig):
        _check_base(config)
    return config, out


def _check_base(config: PretrainConfig) -> None:
    """Raise unless a transformer and a scheduler can be made as a configuration says."""
    if config.width % 2 or config.width % config.heads:
        raise ConfigError(
            f"width = {config.width} with heads = {config.heads}", "an even multiple of heads"
        )
    check_config(config.scheduler, Path("scheduler"))
    try:
        scheduler_shift(1, FlowMatchEulerDiscreteScheduler(**config.scheduler))
    except (TypeError, ValueError, LookupError, ArithmeticError, RuntimeError) as error:
        raise ConfigError(
            f"scheduler = {config.scheduler} ({error})",
            "settings of FlowMatchEulerDiscreteScheduler, such as shift = 1.65",
        ) from error
