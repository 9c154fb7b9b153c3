"""The methods: ways to carry an edited first frame through a clip, each one object with options.

All that work in latents run on the same flow, with the same noise for the same seed:
x_sigma = (1 - sigma) x + sigma n.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import pairwise
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
from synclora_lite.errors import EditError
from synclora_lite.models import denoise
from synclora_lite.settings import Settings

Frames = UInt8[np.ndarray, "frames height width 3"]
Tokens = Float[Tensor, "1 tokens channels"]

RANGES = {
    "strength": (0.05, 1),
    "reference_strength": (0, 1),
    "guidance": (0, 20),
    "inject": (0, 1),
}


@dataclass(frozen=True, eq=False)
class Window:
    """What a method is given: a stretch of the source and its edited first frame."""

    frames: Frames  # of the source, at the model's size if there is a model
    first_frame: UInt8[np.ndarray, "height width 3"]
    backend: LTXVideo | None = None
    steps: int = 0
    seed: int = 0

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

    @cached_property
    def generator(self) -> torch.Generator:
        """Source of all noise; every window begins with the same."""
        return torch.Generator().manual_seed(self.seed)

    def noise(self) -> Latents:
        """Draw noise of the size of the source's latents."""
        return torch.randn(self.source.shape, generator=self.generator).to(self.source)

    def levels(self, strength: float = 1.0) -> Float[Tensor, " levels"]:
        """Return noise levels from `strength` down to 0, spaced as the sampler's."""
        scheduler, tokens = self.loaded.model.scheduler, self.source[0, 0].numel()
        levels = inference_sigmas(scheduler, self.steps, tokens)
        return torch.cat([torch.tensor([strength]), levels[levels < strength]])

    def velocity(
        self, tokens: Tokens, sigma: Float[Tensor, ""], cache: ReferenceCache | None = None
    ) -> Tokens:
        """Predict with a clean first frame; an empty cache is filled, a full one attended to."""
        model, size = self.loaded.model, self.source.shape[2:]
        known = model.conditioning(size)
        velocity = target_velocity(
            model.transformer, tokens, sigma.item(), known, size[0], cache=cache
        )
        return velocity.to(tokens)


@dataclass(frozen=True)
class Method(Settings, ABC):
    """One way to edit; its fields are its options. EditError if one is out of its range."""

    name: ClassVar[str]  # as on the command line
    line: ClassVar[str]  # what it does, in a few words
    needs_model: ClassVar[bool] = True  # which knows only the kind of clips it was trained on
    needs_adapter: ClassVar[bool] = False
    few_steps: ClassVar[bool] = False  # as few as the model says are enough
    restorable: ClassVar[bool] = False  # whether it follows the source, so that `restore` helps

    @abstractmethod
    def __call__(self, window: Window) -> Frames:
        """Return the edited frames of a window."""

    @property
    def options(self) -> dict[str, float]:
        """What may be set."""
        return asdict(self)

    def __post_init__(self) -> None:
        """Check the options once."""
        for name, value in self.options.items():
            low, high = RANGES[name]
            if not low <= value <= high:
                raise EditError(f"{name.replace('_', ' ')} {value}", f"{low} to {high}")


@dataclass(frozen=True)
class SyncLora(Method):
    """The method of the paper: the source in context, read by the adapter (arXiv 2512.03013).

    `reference_strength` weighs the source, from 0 (not seen) to 1 (as trained); `guidance` pushes
    towards it beyond that: pred + s (pred_ref - pred). The weight s of the difference is the
    product of both; other than 1 it costs a second pass per step.
    """

    reference_strength: float = 1.0
    guidance: float = 1.0

    name = "sync-lora"
    line = "the source as in-context reference, read by the adapter"
    needs_adapter = few_steps = restorable = True

    def __call__(self, window: Window) -> Frames:  # noqa: D102
        adapter = window.loaded.adapter
        assert adapter is not None
        latents = denoise(
            window.loaded.model,
            window.first,
            window.noise(),
            steps=window.steps,
            reference=window.source,
            layout=adapter.layout,
            guidance=self.reference_strength * self.guidance,
        )
        return window.loaded.decode(latents)


@dataclass(frozen=True)
class BaseReference(Method):
    """The control of the method: all as it is there, but no adapter reads the source."""

    name = "base-reference"
    line = "the source as in-context reference of the plain model, without an adapter"
    few_steps = True

    def __call__(self, window: Window) -> Frames:  # noqa: D102
        given = window.loaded.model, window.first, window.noise()
        return window.loaded.decode(denoise(*given, steps=window.steps, reference=window.source))


@dataclass(frozen=True)
class FlowPropagation(Method):
    """Propagation along optical flow; see `propagate`."""

    name = "flow-propagation"
    line = "the edited frame carried along optical flow"
    kind: ClassVar[Propagation] = "flow"
    needs_model = False

    def __call__(self, window: Window) -> Frames:  # noqa: D102
        return propagate(window.frames, window.first_frame, self.kind)


@dataclass(frozen=True)
class ResidualPropagation(FlowPropagation):
    """Propagation of the difference that the edit made."""

    name = "residual-propagation"
    line = "the edit minus the source carried along optical flow"
    kind = "residual"


@dataclass(frozen=True)
class DeformationPropagation(FlowPropagation):
    """Propagation of the deformation, and of the difference that remains."""

    name = "deformation-propagation"
    line = "the source bent as the edit bent frame 0, plus the rest"
    kind = "deformation"


@dataclass(frozen=True)
class ImageToVideo(Method):
    """The plain model continues the edited frame: it never sees the source."""

    name = "i2v"
    line = "the edited frame continued by the plain model, which never sees the source"
    few_steps = True

    def __call__(self, window: Window) -> Frames:  # noqa: D102
        given = window.loaded.model, window.first, window.noise()
        return window.loaded.decode(denoise(*given, steps=window.steps))


@dataclass(frozen=True)
class Copy(Method):
    """The floor of the edit kept, and the ceiling of synchronization."""

    name = "copy"
    line = "the source itself after frame 0"
    needs_model = False

    def __call__(self, window: Window) -> Frames:  # noqa: D102
        return np.concatenate([window.first_frame[None], window.frames[1:]])


@dataclass(frozen=True)
class LatentCopy(Method):
    """What the autoencoder alone would do: the source's motion and residuals after the edit."""

    name = "latent-copy"
    line = "the source's latents after the edited frame, decoded without a model"

    def __call__(self, window: Window) -> Frames:  # noqa: D102
        return window.loaded.decode(torch.cat([window.first, window.source[:, :, 1:]], dim=2))


@dataclass(frozen=True)
class SDEdit(Method):
    """Noise the source to the level `strength`, denoise it from the edit (Meng et al. 2022)."""

    strength: float = 0.7

    name = "sdedit"
    line = "the source noised half-way and denoised from the edited frame"
    restorable = True

    def __call__(self, window: Window) -> Frames:  # noqa: D102
        model, source, levels = window.loaded.model, window.source, window.levels(self.strength)
        begun = torch.lerp(source, window.noise(), levels[0].to(source))
        known = model.conditioning(source.shape[2:])
        return window.loaded.decode(sample(model.transformer, window.first, begun, levels, known))


@dataclass(frozen=True)
class FlowEdit(Method):
    """Follow the difference of two velocities from source to edit (Kulikov et al. 2024).

    It begins at the noise level `strength`. The two differ in the first frame that the model is
    given, where text-to-image FlowEdit swaps prompts. Fresh noise at every step, as published.
    """

    strength: float = 0.7

    name = "flowedit"
    line = "the flow from source to edit, integrated without going to noise"
    restorable = True

    @torch.no_grad()
    def __call__(self, window: Window) -> Frames:  # noqa: D102
        source, first = pack(window.source), pack(window.first)
        fixed = first.shape[1]  # tokens of the first frame
        edit = source.clone()
        for sigma, following in pairwise(window.levels(self.strength)):
            fresh = torch.randn(source.shape, generator=window.generator).to(source)
            noisy = torch.lerp(source, fresh, sigma.to(source))
            noisy[:, :fixed] = source[:, :fixed]
            target = edit + noisy - source
            target[:, :fixed] = first
            pull = window.velocity(target, sigma) - window.velocity(noisy, sigma)
            edit = edit + (following - sigma).to(source) * pull
        edit[:, :fixed] = first
        return window.loaded.decode(unpack(edit, *window.source.shape[2:]))


@dataclass(frozen=True)
class KVInject(Method):
    """Invert the source to noise, then denoise while attending to its keys and values.

    AnyV2V (Ku et al. 2024) for a transformer: features of the inverted source guide the first
    steps, the share `inject` of them.
    """

    inject: float = 0.5

    name = "kv-inject"
    line = "the source's keys and values, inverted, injected into attention"
    restorable = True

    @torch.no_grad()
    def __call__(self, window: Window) -> Frames:  # noqa: D102
        levels, first = window.levels(), pack(window.first)
        fixed = first.shape[1]  # tokens of the first frame
        path = [pack(window.source)]  # the flow run backwards from the clip to noise
        for sigma, above in pairwise(levels.flip(0)):
            v, x = window.velocity(path[-1], sigma), path[-1].clone()
            x[:, fixed:] += (above - sigma).to(x) * v[:, fixed:]
            path.append(x)
        x = path[-1].clone()
        x[:, :fixed] = first
        for step, (sigma, following) in enumerate(pairwise(levels)):
            cache = None
            if step < self.inject * window.steps:
                cache = ReferenceCache()
                window.velocity(path[-1 - step], sigma, cache)  # fills the cache
            v = window.velocity(x, sigma, cache)
            x[:, fixed:] += (following - sigma).to(x) * v[:, fixed:]
        return window.loaded.decode(unpack(x, *window.source.shape[2:]))


METHODS: dict[str, Method] = {
    method.name: method()
    for method in (
        *(SyncLora, BaseReference, FlowPropagation, ResidualPropagation, DeformationPropagation),
        *(ImageToVideo, Copy, LatentCopy, SDEdit, FlowEdit, KVInject),
    )
}


def find_method(name: str, options: Mapping[str, Any]) -> Method:
    """Return the method of a name with some of its options set.

    Raises EditError if there is none, it has no such option, or a value makes no sense.
    """
    if name not in METHODS:
        raise EditError(f"no method named {name!r}", f"one of {', '.join(METHODS)}")
    for option in options.keys() - METHODS[name].options.keys():
        having = ", ".join(n for n, method in METHODS.items() if option in method.options)
        flag = f"--{option.replace('_', '-')}"
        raise EditError(
            f"{flag} with method {name}", having or "no such option", f"leave {flag} out"
        )
    return replace(METHODS[name], **options)
