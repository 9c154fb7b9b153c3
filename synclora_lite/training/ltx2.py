"""The same recipe with an LTX-2.3: an in-context adapter, on pairs of clips of any aspect.

Sizes are what is different: the frozen base may be kept in 8 bits, its blocks may wait in main
memory, and every pair is trained at a size of its own aspect.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import LTX2VideoTransformer3DModel
from jaxtyping import Bool, Float, Int
from torch import Tensor

from synclora_lite.core import lora_state_dict, sample_sigmas, token_shift
from synclora_lite.core.flow import TIMESTEPS
from synclora_lite.core.sequence import Latents
from synclora_lite.errors import ConfigError
from synclora_lite.models import AdapterSettings, add_adapter
from synclora_lite.models.folders import model_folder
from synclora_lite.models.formats import METADATA, WEIGHTS, to_format
from synclora_lite.models.ltx2 import LTX2Model, edit_ltx2, load_ltx2
from synclora_lite.models.ltx2_sampling import LTX2Sampling
from synclora_lite.models.precision import awake, compute_dtype, natural_dtype
from synclora_lite.pairs.ltx2_trainer import bucket_of
from synclora_lite.pairs.manifest import read_manifest
from synclora_lite.tensors import write_tensors
from synclora_lite.training.bank import shuffled_rows
from synclora_lite.training.config import LTX2Config
from synclora_lite.training.frozen import place, quantise_blocks
from synclora_lite.training.log import mean_metrics
from synclora_lite.training.loop import Metrics
from synclora_lite.training.pair_latents import pair_clips, pair_latents
from synclora_lite.training.validation import loss_by_level
from synclora_lite.video import write_clip


@dataclass(frozen=True)
class Context:
    """What the connectors make of the constant prompt, for the video and for the sound."""

    video: Float[Tensor, "1 caption_tokens video_dim"]
    audio: Float[Tensor, "1 caption_tokens audio_dim"]
    mask: Tensor

    def of(self, batch: int) -> dict[str, Tensor]:
        """Return what the transformer is told with a batch."""
        masks = ("encoder_attention_mask", "audio_encoder_attention_mask")
        return {
            "encoder_hidden_states": self.video.expand(batch, -1, -1),
            "audio_encoder_hidden_states": self.audio.expand(batch, -1, -1),
            **dict.fromkeys(masks, self.mask.expand(batch, -1)),
        }


class LTX2Training:
    """What a run on an LTX-2 works on: base, pairs, adapter, and what is drawn at random."""

    def __init__(self, config: LTX2Config) -> None:
        loop, self.config, self.device = config.loop, config, torch.device(config.loop.device)
        if loop.batch != 1:
            advice = "set accumulate instead"
            raise ConfigError(f"batch = {loop.batch}", "1: pairs differ in size", advice)
        folder = model_folder(config.model)
        small = natural_dtype(folder, loop.device) == torch.float32
        dtype = torch.float32 if small else compute_dtype(loop.precision, loop.device)
        self.model = load_ltx2(folder, dtype=dtype)  # into main memory
        self.size_of = partial(bucket_of, side=config.side, most=config.frames)
        words = f"up to {config.frames} frames of {config.side} squared"
        how = (self.model.pipe.vae, self.model.frame_rate, self.size_of, words)
        self.dataset = pair_latents(config.bank, *how, loop.device)  # each in its own aspect
        self.train_rows, self.held_rows = self.dataset.split(config.validation_clips)
        self.context = cache_context(self.model, self.device)[-1]
        self.transformer: LTX2VideoTransformer3DModel = self.model.pipe.transformer
        if config.quantise == "int8":
            quantise_blocks(self.transformer)
        add_adapter(self.transformer, AdapterSettings(config.rank, config.targets), loop.seed)
        if loop.checkpointing or config.block_offload:
            self.transformer.enable_gradient_checkpointing()
        place(self.transformer, self.device, stream=config.block_offload)
        loss = torch.compile(ltx2_loss) if loop.compile else ltx2_loss
        self.losses = partial(loss, self.transformer, self.context, self.model.frame_rate)

    def rows(self, index: int) -> Int[Tensor, "1"]:
        """Return which pair batch number `index` is."""
        return shuffled_rows(self.train_rows, 1, index, self.config.loop.seed)

    def loss(self, index: int, generator: torch.Generator) -> tuple[Tensor, Metrics]:
        """Return the loss of batch number `index`: read a pair, draw, and `ltx2_loss`."""
        source, edited = self.dataset.read(self.rows(index)).to(self.device).unbind(1)
        flow, mu = self.config.flow, self.config.flow.mu
        if mu is None:
            mu = token_shift(edited[0, 0].numel(), self.model.scheduler)
        sigmas = sample_sigmas(1, generator, mu=mu, std=flow.std, uniform=flow.uniform)
        noise = torch.randn(edited.shape, generator=generator)
        given = torch.rand(1, generator=generator) < self.config.first_frame
        drawn = [t.to(self.device) for t in (noise, sigmas, given)]
        return self.losses(edited, source, *drawn).mean(), {}

    def validate(self, step: int, out: Path) -> Metrics:
        """Return losses on pairs held back from training, and write edits of some of them."""
        found, given = [], torch.ones(1, dtype=torch.bool, device=self.device)
        for row in self.held_rows:
            source, edited = self.dataset.read(row[None]).to(self.device).unbind(1)
            held = partial(self.losses, edited, source, given=given)
            found.append(loss_by_level(held, edited))
        for row in self.held_rows[: self.config.samples].tolist():
            self._sample(row, out / "samples" / f"step-{step:08d}")
        return mean_metrics(found)

    def export(self, folder: Path) -> Path:
        """Write the adapter in the released one's layout: for diffusers, ComfyUI, LTX-2 itself."""
        weights = to_format(lora_state_dict(self.transformer), "comfyui")
        return write_tensors(folder / WEIGHTS, weights, METADATA)

    def _sample(self, row: int, out: Path) -> None:
        """Edit a held-back pair by the dev setting: source, target and edit side by side."""
        config, model, how = self.config, self.model, LTX2Sampling(distilled=True)
        pipe, device = model.pipe, self.device
        if model.negative is not None:
            how = LTX2Sampling(distilled=False, steps=config.sample_steps)
        pair = read_manifest(config.bank)[row]
        source, edited = pair_clips(config.bank, pair, model.frame_rate, self.size_of)
        with awake(pipe.vae, device), awake(pipe.audio_vae, device), awake(pipe.vocoder, device):
            made = edit_ltx2(model, source, edited[0], how)
        wall = np.concatenate([source, edited, made], axis=2)
        write_clip(out / f"{pair.id}.mp4", wall, fps=model.frame_rate)


def ltx2_loss(
    transformer: LTX2VideoTransformer3DModel,
    context: Context,
    frame_rate: float,
    target: Latents,
    reference: Latents,
    noise: Latents,
    sigmas: Float[Tensor, " batch"],
    given: Bool[Tensor, " batch"],
) -> Float[Tensor, " batch"]:
    """Return the rectified-flow loss of the target's tokens, the reference in the sequence.

    As in the stock pipeline: target, then reference at the same positions; timestep sigma for the
    target, 0 for the reference and for a first frame that is given, which has no part in the loss.
    The sound is left out: one token that nothing attends to.
    """
    batch, _, frames, height, width = target.shape
    clean, drawn, known = (t.flatten(2).mT for t in (target, noise, reference))  # (b, tokens, c)
    fixed = given[:, None] & (torch.arange(clean.shape[1], device=clean.device) < height * width)
    levels = torch.where(fixed, 0.0, sigmas[:, None])
    noisy = torch.lerp(clean, drawn, levels[..., None])
    times = TIMESTEPS * torch.cat([levels, levels.new_zeros(known.shape[:2])], dim=1)
    size = (batch, frames, height, width, clean.device)
    places = transformer.rope.prepare_video_coords(*size, fps=frame_rate)
    dtype, silence = context.video.dtype, (batch, 1, transformer.config.audio_in_channels)
    video, _ = transformer(
        hidden_states=torch.cat([noisy, known], dim=1).to(dtype),
        audio_hidden_states=torch.zeros(silence, device=clean.device, dtype=dtype),
        **context.of(batch),
        timestep=times,
        **dict.fromkeys(("audio_timestep", "sigma", "audio_sigma"), TIMESTEPS * sigmas),
        video_coords=torch.cat([places, places], dim=2),
        audio_num_frames=1,
        isolate_modalities=True,
        use_cross_timestep=True,
        return_dict=False,
    )
    error = (video[:, : clean.shape[1]].float() - (drawn - clean)).square().mean(-1)
    counted = (~fixed).float()
    return (error * counted).sum(1) / counted.sum(1).clamp(min=1)


@torch.no_grad()
def cache_context(model: LTX2Model, device: torch.device) -> list[Context]:
    """Run the connectors once, on the negative prompt if there is one and on the caption.

    The pipeline gets what came out in their place: they are as large as a small card's memory.
    """
    pipe, prompts = model.pipe, [*filter(None, [model.negative]), (model.caption, model.mask)]
    side, kept = pipe.tokenizer_padding_side, list[Context]()
    with awake(pipe.connectors, device):
        for caption, mask in prompts:
            found = pipe.connectors(caption.to(device), mask.to(device), padding_side=side)
            kept.append(Context(*(part.detach() for part in found)))
    pipe.connectors = _Kept(kept)
    return kept


class _Kept(torch.nn.Module):
    """Stands for the connectors: returns what they made of the last so many prompts."""

    def __init__(self, contexts: list[Context]) -> None:
        super().__init__()
        self.contexts, self.device = contexts, contexts[0].video.device

    def forward(self, caption: Tensor, *_: Any, **__: Any) -> tuple[Tensor, ...]:
        wanted = self.contexts[-len(caption) :]
        return tuple(torch.cat([getattr(c, n) for c in wanted]) for n in ("video", "audio", "mask"))
