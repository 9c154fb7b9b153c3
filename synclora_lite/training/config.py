"""Configuration: TOML tables into frozen dataclasses, with errors that name the wrong line."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from synclora_lite.core import ATTENTION, FEED_FORWARD, SELF_ATTENTION, Layout
from synclora_lite.errors import ConfigError
from synclora_lite.settings import Count, Fraction, NonNegative, Settings, Size, Steps, build

Beta = Annotated[float, Field(ge=0, le=0.99999)]


@dataclass(frozen=True)
class LoopConfig(Settings):
    """How any recipe is run: steps, optimiser, precision, and what is written when."""

    steps: Steps
    batch: Size = 16
    accumulate: Size = 1  # batches in a step; several processes share them
    optimizer: Literal["adamw", "adamw8bit", "muon"] = "adamw"
    lr: NonNegative = 1e-3
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: Annotated[int, Field(ge=0, le=10**9)] = 100
    final_lr: Fraction = 0.05  # of lr, at the end of the cosine
    weight_decay: NonNegative = 0.0
    betas: tuple[Beta, Beta] = (0.9, 0.99)
    clip: NonNegative = 1.0
    ema: Fraction = 0.0  # decay of the averaged weights; 0 keeps none
    seed: Annotated[int, Field(ge=0, le=2**31)] = 0
    device: str = "cpu"
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    compile: bool = False
    checkpointing: bool = False  # recompute activations: a third slower, far less memory
    offload: bool = False  # the autoencoder waits in main memory while it is idle
    log_every: Steps = 10
    log_with: Literal["csv", "tensorboard", "trackio"] = "csv"  # the last two beside the CSV
    validate_every: Annotated[int, Field(ge=0, le=10**9)] = 500
    checkpoint_every: Steps = 250
    keep: Size = 2


@dataclass(frozen=True)
class FlowConfig(Settings):
    """Which noise levels are trained: a logit-normal shifted as at inference, some uniform."""

    std: NonNegative = 1.0
    uniform: Fraction = 0.1
    mu: float | None = None  # log-odds; left out, the scheduler's own shift


@dataclass(frozen=True)
class AdapterConfig(Settings):
    """Train the in-context adapter on a bank of pairs."""

    loop: LoopConfig
    bank: Path  # of latents; or a folder of pairs, which is then encoded first
    size: Annotated[int, Field(ge=16, le=8192)] = 512  # pixels of a side of these pairs' clips
    frames: Size = 81  # and their length
    model: str = "lite"
    base: Literal["auto", "float32", "bfloat16", "float16"] = "auto"  # format of frozen weights
    rank: Size = 32
    targets: tuple[str, ...] = SELF_ATTENTION + FEED_FORWARD
    layout: Layout = "reference-self"
    # accepted pairs; all of them; or all, with losses scaled by the score
    data: Literal["filtered", "unfiltered", "weighted"] = "filtered"
    # Fraction of samples whose target is the source itself, at the first step and after
    # `identical_steps`: the adapter finds the reference by copying, then learns to edit.
    identical: tuple[Fraction, Fraction] = (1.0, 0.0)
    identical_steps: Annotated[int, Field(ge=0, le=10**9)] = 500
    first_frame: Fraction = 1.0  # probability that the first frame is given
    reference_dropout: Fraction = 0.0  # of steps without a reference, for guidance on it
    huber: NonNegative = 0.0  # constant of the loss, latents having deviation 1; 0 means squares
    flow: FlowConfig = field(default_factory=FlowConfig)
    validation_clips: Count = 16  # pairs held back
    samples: Count = 4  # of these edited at every validation


@dataclass(frozen=True)
class LTX2Config(Settings):
    """Train an in-context adapter for LTX-2.3 on a folder of pairs."""

    loop: LoopConfig
    bank: Path  # a folder of pairs, built or imported; latents are kept in it
    model: str = "diffusers/LTX-2.3-Diffusers"  # in diffusers layout; the dev model
    side: Annotated[int, Field(ge=16, le=8192)] = 512  # root of a clip's pixels; aspects are kept
    frames: Size = 81  # at most
    rank: Size = 128
    targets: tuple[str, ...] = (
        *(f"attn{k}.{name}" for k in (1, 2) for name in ATTENTION),
        *FEED_FORWARD,
    )
    quantise: Literal["none", "int8"] = "none"  # linear layers of the frozen blocks in 8 bits
    block_offload: bool = False  # frozen blocks wait in main memory, but for the one at work
    first_frame: Fraction = 1.0
    flow: FlowConfig = field(default_factory=FlowConfig)
    validation_clips: Count = 4
    samples: Count = 1
    sample_steps: Annotated[int, Field(ge=1, le=1000)] = 30


Config = AdapterConfig | LTX2Config
RECIPES: dict[str, type[AdapterConfig] | type[LTX2Config]] = {
    "adapter": AdapterConfig,
    "ltx-2": LTX2Config,
}
C = TypeVar("C")


def check_installed(setting: str, package: str) -> None:
    """Raise ConfigError if a setting needs a package that is not installed."""
    if find_spec(package) is None:
        raise ConfigError(setting, f"{package} to be installed", f"pip install {package}")


def load_config(path: str | Path) -> tuple[Config, Path]:
    """Read the TOML file of an adapter's training; see `read_config`."""
    return read_config(path, RECIPES)


def read_config(path: str | Path, recipes: Mapping[str, type[C]]) -> tuple[C, Path]:
    """Read a TOML file: `recipe`, the folder `out`, and the settings of one of the recipes.

    Raises ConfigError if it is missing or not TOML, or a setting is unknown, missing or wrong.
    """
    try:
        table = tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error})", "a TOML file") from error
    recipe, out = table.pop("recipe", None), table.pop("out", None)
    if not isinstance(recipe, str) or recipe not in recipes:
        raise ConfigError(f"recipe = {recipe!r}", f"one of {', '.join(recipes)}")
    if not isinstance(out, str):
        raise ConfigError(f"out = {out!r}", "the folder to write to")
    return build(recipes[recipe], table), Path(out)
