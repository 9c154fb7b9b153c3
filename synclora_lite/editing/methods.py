"""The methods: ways to carry an edited first frame through a clip, each one object with options.

All that work in latents run on the same flow, with the same noise for the same seed:
x_sigma = (1 - sigma) x + sigma n.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from pydantic import Field
from torch import Tensor

from synclora_lite import core
from synclora_lite.editing.ltx_video import Latents, LTXVideo
from synclora_lite.editing.propagation import Propagation, propagate
from synclora_lite.errors import EditError
from synclora_lite.models import denoise
from synclora_lite.settings import Fraction, Settings

Frames = UInt8[np.ndarray, "frames height width 3"]
Tokens = Float[Tensor, "1 tokens channels"]

NoiseLevel = Annotated[float, Field(ge=0.05, le=1)]


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

    def drawn(self, **how: Any) -> Frames:
        """Draw the frames from noise, see `denoise`."""
        given = self.loaded.model, self.first, self.noise()
        made = denoise(*given, steps=self.steps, **how)
        return self.decoded(made) if "reference" in how else self.loaded.decode(made)

    def decoded(self, latents: Latents) -> Frames:
        """Decode latents of an edit beside the source."""
        return self.loaded.decode(latents, (self.frames, self.source))

    def levels(self, strength: float = 1.0) -> Float[Tensor, " levels"]:
        """Return noise levels from `strength` down to 0, spaced as the sampler's."""
        scheduler, tokens = self.loaded.model.scheduler, self.source[0, 0].numel()
        levels = core.inference_sigmas(scheduler, self.steps, tokens)
        return torch.cat([torch.tensor([strength]), levels[levels < strength]])

    def velocity(
        self, tokens: Tokens, sigma: Float[Tensor, ""], cache: core.ReferenceCache | None = None
    ) -> Tokens:
        """Predict with a clean first frame; an empty cache is filled, a full one attended to."""
        model, size = self.loaded.model, self.source.shape[2:]
        given = model.transformer, tokens, sigma.item(), model.conditioning(size), size[0]
        return core.target_velocity(*given, cache=cache).to(tokens)


@dataclass(frozen=True)
class Method(Settings, ABC):
    """One way to edit; its fields are its options, whose ranges `EditSettings` checks."""

    name: ClassVar[str]  # as on the command line
    needs_model: ClassVar[bool] = True  # which knows only the kind of clips it was trained on
    needs_adapter: ClassVar[bool] = False
    few_steps: ClassVar[bool] = False  # as few as the model says are enough
    restorable: ClassVar[bool] = False  # whether it follows the source, so that `restore` helps

    @abstractmethod
    def __call__(self, window: Window) -> Frames:
        """Return the edited frames of a window."""

    @property
    def line(self) -> str:
        """What it does: the first line of its docstring."""
        return str(self.__doc__).partition("\n")[0].rstrip(".")

    @property
    def options(self) -> dict[str, float]:
        """What may be set."""
        return asdict(self)


@dataclass(frozen=True)
class SyncLora(Method):
    """The source as in-context reference, read by the adapter (arXiv 2512.03013).

    `reference_strength` weighs the source, from 0 (not seen) to 1 (as trained); `guidance` pushes
    towards it beyond that: pred + s (pred_ref - pred). The weight s of the difference is the
    product of both; other than 1 it costs a second pass per step.
    """

    reference_strength: Fraction = 1.0
    guidance: Annotated[float, Field(ge=0, le=20)] = 1.0

    name = "sync-lora"
    needs_adapter = few_steps = restorable = True

    def __call__(self, window: Window) -> Frames:  # noqa: D102
        adapter, weight = window.loaded.adapter, self.reference_strength * self.guidance
        assert adapter is not None
        return window.drawn(reference=window.source, layout=adapter.layout, guidance=weight)


class BaseReference(Method):
    """The source as in-context reference of the plain model, without an adapter: the control."""

    name = "base-reference"
    few_steps = True

    def __call__(self, window: Window) -> Frames:  # noqa: D102
        return window.drawn(reference=window.source)


class FlowPropagation(Method):
    """The edited frame carried along optical flow."""

    name = "flow-propagation"
    kind: ClassVar[Propagation] = "flow"
    needs_model = False

    def __call__(self, window: Window) -> Frames:  # noqa: D102
        return propagate(window.frames, window.first_frame, self.kind)


class ResidualPropagation(FlowPropagation):
    """The edit minus the source carried along optical flow."""

    name = "residual-propagation"
    kind = "residual"


class DeformationPropagation(FlowPropagation):
    """The source bent as the edit bent frame 0, plus the rest."""

    name = "deformation-propagation"
    kind = "deformation"


class ImageToVideo(Method):
    """The edited frame continued by the plain model, which never sees the source."""

    name = "i2v"
    few_steps = True

    def __call__(self, window: Window) -> Frames:  # noqa: D102
        return window.drawn()


class Copy(Method):
    """The source itself after frame 0: the floor of the edit kept, the ceiling of sync."""

    name = "copy"
    needs_model = False

    def __call__(self, window: Window) -> Frames:  # noqa: D102
        return np.concatenate([window.first_frame[None], window.frames[1:]])


class LatentCopy(Method):
    """The source's latents (motion and residuals) after the edited frame, decoded."""

    name = "latent-copy"

    def __call__(self, window: Window) -> Frames:  # noqa: D102
        return window.decoded(torch.cat([window.first, window.source[:, :, 1:]], dim=2))


@dataclass(frozen=True)
class SDEdit(Method):
    """The source noised to the level `strength`, denoised from the edit (Meng et al. 2022)."""

    strength: NoiseLevel = 0.7

    name = "sdedit"
    restorable = True

    def __call__(self, window: Window) -> Frames:  # noqa: D102
        model, source, levels = window.loaded.model, window.source, window.levels(self.strength)
        begun = torch.lerp(source, window.noise(), levels[0].to(source))
        known = model.conditioning(source.shape[2:])
        made = core.sample(model.transformer, window.first, begun, levels, known)
        return window.decoded(made)


@dataclass(frozen=True)
class FlowEdit(Method):
    """The flow from source to edit, integrated without going to noise (Kulikov et al. 2024).

    It follows the difference of two velocities, from the noise level `strength` on. The two differ
    in the first frame that the model is given, where text-to-image FlowEdit swaps prompts. Fresh
    noise at every step, as published.
    """

    strength: NoiseLevel = 0.7

    name = "flowedit"
    restorable = True

    @torch.no_grad()
    def __call__(self, window: Window) -> Frames:  # noqa: D102
        source, first = core.pack(window.source), core.pack(window.first)
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
        return window.decoded(core.unpack(edit, *window.source.shape[2:]))


@dataclass(frozen=True)
class KVInject(Method):
    """The source's keys and values, inverted, injected into attention (AnyV2V, Ku et al. 2024).

    The source is inverted to noise; its features then guide the first steps, the share `inject`.
    """

    inject: Fraction = 0.5

    name = "kv-inject"
    restorable = True

    @torch.no_grad()
    def __call__(self, window: Window) -> Frames:  # noqa: D102
        levels, first = window.levels(), core.pack(window.first)
        fixed = first.shape[1]  # tokens of the first frame
        path = [core.pack(window.source)]  # the flow run backwards from the clip to noise
        for sigma, above in pairwise(levels.flip(0)):
            v, x = window.velocity(path[-1], sigma), path[-1].clone()
            x[:, fixed:] += (above - sigma).to(x) * v[:, fixed:]
            path.append(x)
        x = path[-1].clone()
        x[:, :fixed] = first
        for step, (sigma, following) in enumerate(pairwise(levels)):
            cache = None
            if step < self.inject * window.steps:
                cache = core.ReferenceCache()
                window.velocity(path[-1 - step], sigma, cache)  # fills the cache
            v = window.velocity(x, sigma, cache)
            x[:, fixed:] += (following - sigma).to(x) * v[:, fixed:]
        return window.decoded(core.unpack(x, *window.source.shape[2:]))


METHODS: dict[str, Method] = {
    method.name: method()
    for method in (
        *(SyncLora, BaseReference, FlowPropagation, ResidualPropagation, DeformationPropagation),
        *(ImageToVideo, Copy, LatentCopy, SDEdit, FlowEdit, KVInject),
    )
}


def find_method(name: str, options: Mapping[str, Any]) -> Method:
    """Return a method with some of its options set; EditError if there is no such one."""
    if name not in METHODS:
        raise EditError(f"no method named {name!r}", f"one of {', '.join(METHODS)}")
    for option in options.keys() - METHODS[name].options.keys():
        having = ", ".join(n for n, method in METHODS.items() if option in method.options)
        flag = f"--{option.replace('_', '-')}"
        what = f"{flag} with method {name}"
        raise EditError(what, having or "no such option", f"leave {flag} out")
    return replace(METHODS[name], **options)
