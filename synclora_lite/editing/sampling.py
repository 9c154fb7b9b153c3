"""The methods that use a model: each turns source latents and an edited first frame into a clip.

All run on the same flow, with the same noise for the same seed: x_sigma = (1 - sigma) x + sigma n.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from synclora_lite.core import (
    ReferenceCache,
    inference_sigmas,
    pack,
    sample,
    target_velocity,
    unpack,
)
from synclora_lite.editing.editor import Editor
from synclora_lite.models import I2VModel, denoise

Latents = Float[Tensor, "1 channels frames height width"]
FirstFrame = Float[Tensor, "1 channels 1 height width"]
Tokens = Float[Tensor, "1 tokens channels"]


@dataclass(frozen=True)
class Sampling:
    """How to sample; each method reads what concerns it.

    Attributes:
        steps: Euler steps.
        seed: Of the noise.
        reference_strength: Weight of the source, 0 (not seen) to 1 (as trained).
        sync_guidance: Pushes towards the source beyond that: pred + s (pred_ref - pred_noref).
        start: Noise level at which sdedit and flowedit begin, 0 to 1.
        inject: Share of the steps in which kv-inject attends to the source.
        warm: Noise level at which sync-lora begins, from a first guess; at 1 there is none.
        temperature: Scale of the noise that sync-lora starts from; below 1 it draws what is
            likeliest rather than one of all that is likely.
        edit_gain: Most by which sync-lora may enlarge the edit it predicts; at 1 never.

    """

    steps: int = 20
    seed: int = 0
    reference_strength: float = 1.0
    sync_guidance: float = 1.0
    start: float = 0.7
    inject: float = 0.5
    warm: float = 1.0
    temperature: float = 1.0
    edit_gain: float = 1.0

    def generator(self) -> torch.Generator:
        """Source of all randomness of one window."""
        return torch.Generator().manual_seed(self.seed)


def sync_lora(
    editor: Editor,
    source: Latents,
    first: FirstFrame,
    how: Sampling,
    guess: Latents | None = None,
) -> Latents:
    """The method of the paper: the source in context, read by the adapter (arXiv 2512.03013).

    With a guess of the edited clip it begins at the level `how.warm`, as SDEdit does: what the
    guess shows roughly stays, and what is wrong in it is drawn anew.

    The difference that the reference makes is weighted by strength times guidance; a weight other
    than 1 costs a second pass per step.
    """
    model, adapter = editor.model, editor.adapter
    assert adapter is not None
    noise = how.temperature * torch.randn(source.shape, generator=how.generator()).to(source)
    levels = inference_sigmas(model.scheduler, how.steps, source[0, 0].numel())
    if guess is not None:
        levels = _levels(model, source, how, how.warm)
        noise = torch.lerp(guess, noise, levels[0].to(guess))
    size = source.shape[2:]
    return sample(
        model.transformer,
        first,
        noise,
        levels,
        model.conditioning(size, source, adapter.reference_offset, adapter.layout),
        guidance=how.reference_strength * how.sync_guidance,
        adjust=None if how.edit_gain == 1 else enlarge_edit(source, first, how.edit_gain),
    )


def enlarge_edit(source: Latents, first: FirstFrame, most: float) -> Callable[[Latents], Latents]:
    """Return a correction of predicted clean latents: an edit as large as in the first frame.

    A model that is not sure draws too little of an edit, thin glasses or a light beard above all.
    How large it should be is known: in latents, the difference to the source has nearly the same
    norm in every frame of a true edit (chapter 7 shows it). So the predicted difference is scaled
    to the norm that it has in frame 0, frame by frame, but never made smaller and at most `most`
    times as large.
    """
    wanted = frame_norm(first - source[:, :, :1])

    def adjust(clean: Latents) -> Latents:
        edit = clean - source[:, :, 1:]
        gain = (wanted / frame_norm(edit).clamp_min(1e-6)).clamp(1, most)
        return clean + (gain - 1) * edit

    return adjust


def frame_norm(latents: Latents) -> Float[Tensor, "1 1 frames 1 1"]:
    """Return the root of the mean square of every latent frame."""
    return latents.float().square().mean((1, 3, 4), keepdim=True).sqrt()


def i2v(editor: Editor, source: Latents, first: FirstFrame, how: Sampling) -> Latents:
    """Let the plain model continue the edited frame: it never sees the source."""
    noise = torch.randn(source.shape, generator=how.generator()).to(source)
    return denoise(editor.model, first, noise, steps=how.steps)


def sdedit(editor: Editor, source: Latents, first: FirstFrame, how: Sampling) -> Latents:
    """Noise the source to level `start` and denoise it from the edited frame (Meng et al. 2022)."""
    model, levels = editor.model, _levels(editor.model, source, how, how.start)
    noise = torch.randn(source.shape, generator=how.generator()).to(source)
    begun = torch.lerp(source, noise, levels[0].to(source))
    conditioning = model.conditioning(source.shape[2:])
    return sample(model.transformer, first, begun, levels, conditioning)


@torch.no_grad()
def flowedit(editor: Editor, source: Latents, first: FirstFrame, how: Sampling) -> Latents:
    """Follow the difference of two velocities from the source to the edit (Kulikov et al. 2024).

    The two differ in the first frame that the model is given, where text-to-image FlowEdit swaps
    prompts. Fresh noise at every step, as published.
    """
    model, size = editor.model, source.shape[2:]
    generator = how.generator()
    source_tokens, first_tokens = pack(source), pack(first)
    fixed = first_tokens.shape[1]
    edit = source_tokens.clone()
    for sigma, following in pairwise(_levels(model, source, how, how.start)):
        fresh = torch.randn(source_tokens.shape, generator=generator).to(source)
        noisy = torch.lerp(source_tokens, fresh, sigma.to(source))
        noisy[:, :fixed] = source_tokens[:, :fixed]
        target = edit + noisy - source_tokens
        target[:, :fixed] = first_tokens
        pull = _velocity(model, target, sigma, size) - _velocity(model, noisy, sigma, size)
        edit = edit + (following - sigma).to(source) * pull
    edit[:, :fixed] = first_tokens
    return unpack(edit, *size)


@torch.no_grad()
def kv_inject(editor: Editor, source: Latents, first: FirstFrame, how: Sampling) -> Latents:
    """Invert the source to noise, then denoise while attending to its keys and values.

    AnyV2V (Ku et al. 2024) for a transformer: features of the inverted source guide the first
    `inject` share of the steps.
    """
    model, size = editor.model, source.shape[2:]
    levels = inference_sigmas(model.scheduler, how.steps, size.numel())
    path = _invert(model, pack(source), levels, size)
    first_tokens = pack(first)
    fixed = first_tokens.shape[1]
    x = path[0].clone()
    x[:, :fixed] = first_tokens
    for step, (sigma, following) in enumerate(pairwise(levels)):
        cache = None
        if step < how.inject * how.steps:
            cache = ReferenceCache()
            _velocity(model, path[step], sigma, size, cache)  # fills the cache
        v = _velocity(model, x, sigma, size, cache)
        x[:, fixed:] += (following - sigma).to(x) * v[:, fixed:]
    return unpack(x, *size)


SAMPLERS: dict[str, Callable[..., Latents]] = {
    "sync-lora": sync_lora,
    "i2v": i2v,
    "sdedit": sdedit,
    "flowedit": flowedit,
    "kv-inject": kv_inject,
}


def _levels(
    model: I2VModel, source: Latents, how: Sampling, start: float
) -> Float[Tensor, " levels"]:
    """Noise levels from `start` down to 0, spaced as the sampler's."""
    levels = inference_sigmas(model.scheduler, how.steps, source.shape[2:].numel())
    return torch.cat([torch.tensor([start]), levels[levels < start]])


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
