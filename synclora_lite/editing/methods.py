"""The methods: ways to carry an edited first frame through a clip, each one object with options.

All that work in latents run on the same flow, with the same noise for the same generator:
x_sigma = (1 - sigma) x + sigma n.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from synclora_lite.core import (
    ReferenceCache,
    inference_sigmas,
    pack,
    sample,
    target_velocity,
    unpack,
)
from synclora_lite.editing.ltx_video import Latents, LTXVideo
from synclora_lite.editing.propagation import Propagation, propagate
from synclora_lite.errors import ConfigError, EditError
from synclora_lite.files import read_json
from synclora_lite.models import I2VModel, denoise
from synclora_lite.settings import Settings, build

Frames = UInt8[np.ndarray, "frames height width 3"]
Tokens = Float[Tensor, "1 tokens channels"]

TUNED = "tuned.json"  # of a model folder: what did best on validation clips, see benchmarks.tuning
PROPAGATIONS: dict[Propagation, str] = {
    "flow": "the edited frame carried along optical flow",
    "residual": "the edit minus the source carried along optical flow",
    "deformation": "the source bent as the edit bent frame 0, plus the rest",
}
RANGES = {
    "strength": (0.05, 1),
    "reference_strength": (0, 1),
    "guidance": (0, 20),
    "inject": (0, 1),
}


@dataclass(frozen=True, eq=False)
class Window:
    """What a method is given: a stretch of the source and its edited first frame.

    Attributes:
        frames: Of the source; at the model's size if there is one.
        first_frame: The edited picture that frame 0 becomes.
        backend: The model, for the methods that need one.

    """

    frames: Frames
    first_frame: UInt8[np.ndarray, "height width 3"]
    backend: LTXVideo | None = None

    @property
    def loaded(self) -> LTXVideo:
        """The model; there must be one."""
        assert self.backend is not None
        return self.backend

    @cached_property
    def source(self) -> Latents:
        """The frames, encoded."""
        return self.loaded.encode(self.frames)

    @cached_property
    def first(self) -> Float[Tensor, "1 channels 1 height width"]:
        """The edited first frame, encoded as a clip of one frame."""
        return self.loaded.encode(self.first_frame[None])

    def noise(self, generator: torch.Generator) -> Latents:
        """Draw noise of the size of the source's latents."""
        return torch.randn(self.source.shape, generator=generator).to(self.source)


@dataclass(frozen=True)
class Method(Settings, ABC):
    """One way to edit; its fields are its options."""

    needs_model: ClassVar[bool] = True  # which knows only the kind of clips it was trained on
    needs_adapter: ClassVar[bool] = False
    few_steps: ClassVar[bool] = False  # as few as the model says are enough
    restorable: ClassVar[bool] = False  # whether it follows the source, so that `restore` helps

    @property
    @abstractmethod
    def name(self) -> str:
        """As on the command line."""

    @property
    @abstractmethod
    def line(self) -> str:
        """What it does, in a few words."""

    @abstractmethod
    def __call__(self, window: Window, generator: torch.Generator, steps: int) -> Frames:
        """Return the edited frames of a window, sampled in so many steps."""

    @property
    def options(self) -> dict[str, float]:
        """What may be set, but for what its name says."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "kind"}

    def checked(self) -> "Method":
        """Return the method if its options are within their ranges; EditError if not."""
        for name, value in self.options.items():
            low, high = RANGES[name]
            if not low <= value <= high:
                raise EditError(f"{name.replace('_', ' ')} {value}", f"{low} to {high}")
        return self


@dataclass(frozen=True)
class Copy(Method):
    """The floor of the edit kept, and the ceiling of synchronization."""

    needs_model = False
    name = "copy"
    line = "the source itself after frame 0"

    def __call__(self, window: Window, generator: torch.Generator, steps: int) -> Frames:  # noqa: D102
        return np.concatenate([window.first_frame[None], window.frames[1:]])


@dataclass(frozen=True)
class FlowPropagation(Method):
    """Propagation along optical flow; see `propagate`."""

    kind: Propagation = "flow"
    needs_model = False

    @property
    def name(self) -> str:  # noqa: D102
        return f"{self.kind}-propagation"

    @property
    def line(self) -> str:  # noqa: D102
        return PROPAGATIONS[self.kind]

    def __call__(self, window: Window, generator: torch.Generator, steps: int) -> Frames:  # noqa: D102
        return propagate(window.frames, window.first_frame, self.kind)


@dataclass(frozen=True)
class LatentMethod(Method):
    """A method that makes latents, which are decoded."""

    def __call__(self, window: Window, generator: torch.Generator, steps: int) -> Frames:  # noqa: D102
        return window.loaded.decode(self.latents(window, generator, steps))

    @abstractmethod
    def latents(self, window: Window, generator: torch.Generator, steps: int) -> Latents:
        """Return the latents of the edited window."""


@dataclass(frozen=True)
class SyncLora(LatentMethod):
    """The method of the paper: the source in context, read by the adapter (arXiv 2512.03013).

    Attributes:
        reference_strength: Weight of the source, 0 (not seen) to 1 (as trained).
        guidance: Pushes towards the source beyond that: pred + s (pred_ref - pred). The weight of
            the difference is the product of both; other than 1 it costs a second pass per step.

    """

    reference_strength: float = 1.0
    guidance: float = 1.0

    restorable = True
    needs_adapter = True
    few_steps = True
    name = "sync-lora"
    line = "the source as in-context reference, read by the adapter"

    def latents(self, window: Window, generator: torch.Generator, steps: int) -> Latents:  # noqa: D102
        adapter = window.loaded.adapter
        assert adapter is not None
        return _drawn(
            window,
            generator,
            steps,
            reference=window.source,
            reference_offset=adapter.reference_offset,
            layout=adapter.layout,
            guidance=self.reference_strength * self.guidance,
        )


@dataclass(frozen=True)
class BaseReference(LatentMethod):
    """The control of the method: all as it is there, but no adapter reads the source."""

    few_steps = True
    name = "base-reference"
    line = "the source as in-context reference of the plain model, without an adapter"

    def latents(self, window: Window, generator: torch.Generator, steps: int) -> Latents:  # noqa: D102
        return _drawn(window, generator, steps, reference=window.source)


@dataclass(frozen=True)
class ImageToVideo(LatentMethod):
    """The plain model continues the edited frame: it never sees the source."""

    few_steps = True
    name = "i2v"
    line = "the edited frame continued by the plain model, which never sees the source"

    def latents(self, window: Window, generator: torch.Generator, steps: int) -> Latents:  # noqa: D102
        return _drawn(window, generator, steps)


@dataclass(frozen=True)
class SDEdit(LatentMethod):
    """Noise the source to a level and denoise it from the edited frame (Meng et al. 2022).

    Attributes:
        strength: That noise level.

    """

    strength: float = 0.7

    restorable = True
    name = "sdedit"
    line = "the source noised half-way and denoised from the edited frame"

    def latents(self, window: Window, generator: torch.Generator, steps: int) -> Latents:  # noqa: D102
        model, source = window.loaded.model, window.source
        levels = _levels(model, source, steps, self.strength)
        begun = torch.lerp(source, window.noise(generator), levels[0].to(source))
        conditioning = model.conditioning(source.shape[2:])
        return sample(model.transformer, window.first, begun, levels, conditioning)


@dataclass(frozen=True)
class FlowEdit(LatentMethod):
    """Follow the difference of two velocities from source to edit (Kulikov et al. 2024).

    The two differ in the first frame that the model is given, where text-to-image FlowEdit swaps
    prompts. Fresh noise at every step, as published.

    Attributes:
        strength: Noise level at which it begins.

    """

    strength: float = 0.7

    restorable = True
    name = "flowedit"
    line = "the flow from source to edit, integrated without going to noise"

    @torch.no_grad()
    def latents(self, window: Window, generator: torch.Generator, steps: int) -> Latents:  # noqa: D102
        model, source = window.loaded.model, window.source
        size = source.shape[2:]
        source_tokens, first_tokens = pack(source), pack(window.first)
        fixed = first_tokens.shape[1]
        edit = source_tokens.clone()
        for sigma, following in pairwise(_levels(model, source, steps, self.strength)):
            fresh = torch.randn(source_tokens.shape, generator=generator).to(source)
            noisy = torch.lerp(source_tokens, fresh, sigma.to(source))
            noisy[:, :fixed] = source_tokens[:, :fixed]
            target = edit + noisy - source_tokens
            target[:, :fixed] = first_tokens
            pull = _velocity(model, target, sigma, size) - _velocity(model, noisy, sigma, size)
            edit = edit + (following - sigma).to(source) * pull
        edit[:, :fixed] = first_tokens
        return unpack(edit, *size)


@dataclass(frozen=True)
class KVInject(LatentMethod):
    """Invert the source to noise, then denoise while attending to its keys and values.

    AnyV2V (Ku et al. 2024) for a transformer: features of the inverted source guide the first
    steps.

    Attributes:
        inject: Share of the steps that attend to the source.

    """

    inject: float = 0.5

    restorable = True
    name = "kv-inject"
    line = "the source's keys and values, inverted, injected into attention"

    @torch.no_grad()
    def latents(self, window: Window, generator: torch.Generator, steps: int) -> Latents:  # noqa: D102
        model, source = window.loaded.model, window.source
        size = source.shape[2:]
        levels = inference_sigmas(model.scheduler, steps, size.numel())
        path = _invert(model, pack(source), levels, size)
        first_tokens = pack(window.first)
        fixed = first_tokens.shape[1]
        x = path[0].clone()
        x[:, :fixed] = first_tokens
        for step, (sigma, following) in enumerate(pairwise(levels)):
            cache = None
            if step < self.inject * steps:
                cache = ReferenceCache()
                _velocity(model, path[step], sigma, size, cache)  # fills the cache
            v = _velocity(model, x, sigma, size, cache)
            x[:, fixed:] += (following - sigma).to(x) * v[:, fixed:]
        return unpack(x, *size)


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        SyncLora(),
        BaseReference(),
        *map(FlowPropagation, PROPAGATIONS),
        ImageToVideo(),
        Copy(),
        SDEdit(),
        FlowEdit(),
        KVInject(),
    )
}


def find_method(name: str, options: Mapping[str, Any]) -> Method:
    """Return the method of a name with some of its options set.

    Raises:
        EditError: There is none, it has no such option, or a value makes no sense.

    """
    if name not in METHODS:
        raise EditError(f"no method named {name!r}", f"one of {', '.join(METHODS)}")
    for option in options:
        if option not in METHODS[name].options:
            having = ", ".join(n for n, method in METHODS.items() if option in method.options)
            flag = f"--{option.replace('_', '-')}"
            raise EditError(
                f"{flag} with method {name}", having or "no such option", f"leave {flag} out"
            )
    return replace(METHODS[name], **options).checked()


def tuned_options(folder: Path) -> dict[str, dict[str, float]]:
    """Return per method what did best on validation clips, if a model folder says so.

    Raises:
        ConfigError: `tuned.json` is no table of methods, each with numbers for its own options.
        ArtifactError: It is not JSON.

    """
    file = folder / TUNED
    stored = read_json(file) if file.exists() else {}
    if not (isinstance(stored, dict) and stored.keys() <= METHODS.keys()):
        raise ConfigError(f"{file} holds {str(stored)[:60]}", "a table of methods", "tune again")
    tuned = {}
    for name, options in stored.items():
        try:
            method = build(type(METHODS[name]), options, f"{file}: {name}.").checked()
        except EditError as error:
            raise ConfigError(f"{file}: {name} has {error.what}", error.expected) from error
        tuned[name] = {option: method.options[option] for option in options}
    return tuned


def _drawn(window: Window, generator: torch.Generator, steps: int, **reference: Any) -> Latents:
    noise = window.noise(generator)
    return denoise(window.loaded.model, window.first, noise, steps=steps, **reference)


def _levels(
    model: I2VModel, source: Latents, steps: int, strength: float
) -> Float[Tensor, " levels"]:
    """Noise levels from `strength` down to 0, spaced as the sampler's."""
    levels = inference_sigmas(model.scheduler, steps, source.shape[2:].numel())
    return torch.cat([torch.tensor([strength]), levels[levels < strength]])


def _invert(
    model: I2VModel, tokens: Tokens, levels: Float[Tensor, " levels"], size: torch.Size
) -> list[Tokens]:
    """Run the flow backwards from a clip to noise; the states at `levels`, noisiest first."""
    x, path = tokens.clone(), [tokens]
    fixed = size[1] * size[2]
    for sigma, above in pairwise(levels.flip(0)):
        v = _velocity(model, x, sigma, size)
        x = x.clone()
        x[:, fixed:] += (above - sigma).to(x) * v[:, fixed:]
        path.append(x)
    return path[::-1]


def _velocity(
    model: I2VModel,
    tokens: Tokens,
    sigma: Float[Tensor, ""],
    size: torch.Size,
    cache: ReferenceCache | None = None,
) -> Tokens:
    """Predict with a clean first frame; an empty cache is filled, a full one is attended to."""
    conditioning = model.conditioning(size)
    return target_velocity(
        model.transformer, tokens, sigma.item(), conditioning, size[0], cache=cache
    ).to(tokens)
