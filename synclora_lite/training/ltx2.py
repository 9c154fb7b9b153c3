"""Recipe: an in-context adapter for LTX-2.3, on pairs of clips of any aspect.

Sizes are what makes it another recipe than `adapter`: the frozen base may be kept in 8 bits, its
blocks may wait in main memory, the text encoder and the connectors are run once, and every pair is
trained at a size of its own aspect. Reference and first frame are given as at inference.
"""

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLLTX2Video, LTX2VideoTransformer3DModel
from jaxtyping import Bool, Float, UInt8
from peft import LoraConfig, get_peft_model_state_dict
from torch import Tensor
from tqdm.auto import tqdm

from synclora_lite.core import sample_sigmas, token_shift
from synclora_lite.errors import ConfigError, TrainingError
from synclora_lite.models.folders import model_folder, transformer_digest
from synclora_lite.models.formats import METADATA, WEIGHTS, to_format
from synclora_lite.models.latents import to_model_range
from synclora_lite.models.ltx2 import LTX2Model, edit_ltx2, load_ltx2
from synclora_lite.models.ltx2_sampling import LTX2Sampling
from synclora_lite.models.precision import awake, natural_dtype
from synclora_lite.pairs.ltx2_trainer import bucket_of
from synclora_lite.pairs.manifest import Media, Pair, locate, read_manifest
from synclora_lite.tensors import read_tensors, write_tensors
from synclora_lite.training.bank import check_made, shuffled_rows, split_rows, write_shard
from synclora_lite.training.config import LTX2Config
from synclora_lite.training.frozen import place, quantise_blocks
from synclora_lite.training.log import mean_metrics
from synclora_lite.training.loop import Recipe
from synclora_lite.training.precision import base_dtype
from synclora_lite.training.processes import process_group
from synclora_lite.training.validation import loss_by_level
from synclora_lite.video import read_clip, resample, write_clip
from synclora_lite.video.geometry import resize_picture

Latents = Float[Tensor, "batch channels frames height width"]
TIMESTEPS = 1000  # the transformer is told sigma times this


@dataclass(frozen=True)
class Context:
    """What the connectors make of the constant prompt, for the video and for the sound."""

    video: Float[Tensor, "1 caption_tokens video_dim"]
    audio: Float[Tensor, "1 caption_tokens audio_dim"]
    mask: Tensor


def ltx2_recipe(config: LTX2Config) -> Recipe:
    """Return the recipe that trains an in-context adapter for LTX-2 or LTX-2.3.

    Raises:
        ConfigError: A batch of clips that differ in size, or nothing to train on.
        ModelError: The model is missing or of another family.
        TrainingError: No pair is accepted.

    """
    if config.loop.batch != 1:
        raise ConfigError(
            f"batch = {config.loop.batch}", "1: pairs differ in size", "set accumulate instead"
        )
    training = LTX2Training(config)
    transformer = training.model.pipe.transformer
    return Recipe(
        parameters={n: p for n, p in transformer.named_parameters() if p.requires_grad},
        loss=training.loss,
        validate=training.validate if config.validation_clips else None,
        export=lambda folder: export_adapter(transformer, folder),
        settings={k: v for k, v in asdict(config).items() if k not in ("loop", "block_offload")}
        | {"base_weights": transformer_digest(config.model)},
        pairs=lambda index: [training.pairs[training.row(index)].id],
    )


class LTX2Training:
    """What one run of training works on: base, pairs, adapter, and what is drawn at random."""

    def __init__(self, config: LTX2Config) -> None:
        self.config, self.device = config, torch.device(config.loop.device)
        self.model = _load(config)
        self.pairs = [pair for pair in read_manifest(config.bank) if pair.verdict != "reject"]
        if not self.pairs:
            raise TrainingError(f"no pair of {config.bank} is accepted", "pairs to train on")
        self.latents = cache_latents(config, self.model, self.pairs)
        transformer: LTX2VideoTransformer3DModel = self.model.pipe.transformer
        contexts = cache_context(self.model, self.device)
        _adapt(transformer, config)
        place(transformer, self.device, stream=config.block_offload)
        self.train_rows, self.held_rows = split_rows(
            torch.arange(len(self.pairs)), config.validation_clips
        )
        loss_of = torch.compile(ltx2_loss) if config.loop.compile else ltx2_loss
        self.velocity_loss = partial(loss_of, transformer, contexts[-1], self.model.frame_rate)

    def row(self, index: int) -> int:
        """Return which pair batch number `index` is."""
        return int(shuffled_rows(self.train_rows, 1, index, self.config.loop.seed))

    def read(self, row: int) -> Float[Tensor, "2 1 channels frames height width"]:
        """Return the latents of a pair: source, then edited clip."""
        return read_tensors(self.latents[row])["latents"].float()[:, None]

    def loss(self, index: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of batch number `index`: read a pair, draw, and `ltx2_loss`."""
        source, edited = self.read(self.row(index))
        flow = self.config.flow
        mu = flow.mu
        if mu is None:
            mu = token_shift(edited[0, 0].numel(), self.model.scheduler)
        sigmas = sample_sigmas(1, generator, mu=mu, std=flow.std, uniform=flow.uniform)
        noise = torch.randn(edited.shape, generator=generator)
        given = torch.rand(1, generator=generator) < self.config.first_frame
        clips = [t.to(self.device) for t in (edited, source, noise, sigmas, given)]
        return self.velocity_loss(*clips).mean(), {}

    def validate(self, step: int, out: Path) -> dict[str, float]:
        """Return losses on pairs held back from training, and write edits of some of them."""
        given = torch.ones(1, dtype=torch.bool, device=self.device)
        found = []
        for row in self.held_rows.tolist():
            source, edited = self.read(row).to(self.device)
            found.append(loss_by_level(partial(self._held_loss, edited, source, given), edited))
        shown = [self.pairs[row] for row in self.held_rows.tolist()[: self.config.samples]]
        _sample(self.config, self.model, shown, out / "samples" / f"step-{step:08d}")
        return mean_metrics(found)

    def _held_loss(
        self, edited: Latents, source: Latents, given: Tensor, noise: Latents, levels: Tensor
    ) -> Float[Tensor, " batch"]:
        return self.velocity_loss(edited, source, noise, levels, given)


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

    As the stock in-context pipeline lays it out: target, then reference at the same positions;
    timestep sigma for the target, 0 for the reference and for a first frame that is given, which
    has no part in the loss. The sound is left out: one token that nothing attends to.
    """
    batch, _, frames, height, width = target.shape
    clean, drawn, known = (t.flatten(2).mT for t in (target, noise, reference))  # (b, tokens, c)
    first = torch.arange(clean.shape[1], device=clean.device) < height * width
    fixed = given[:, None] & first  # (b, tokens)
    levels = torch.where(fixed, 0.0, sigmas[:, None])
    noisy = torch.lerp(clean, drawn, levels[..., None])
    times = TIMESTEPS * torch.cat([levels, levels.new_zeros(known.shape[:2])], dim=1)
    places = transformer.rope.prepare_video_coords(
        batch, frames, height, width, clean.device, fps=frame_rate
    )
    dtype, channels = context.video.dtype, transformer.config.audio_in_channels
    sigma = TIMESTEPS * sigmas
    video, _ = transformer(
        hidden_states=torch.cat([noisy, known], dim=1).to(dtype),
        audio_hidden_states=torch.zeros(batch, 1, channels, device=clean.device, dtype=dtype),
        encoder_hidden_states=context.video.expand(batch, -1, -1),
        audio_encoder_hidden_states=context.audio.expand(batch, -1, -1),
        encoder_attention_mask=context.mask.expand(batch, -1),
        audio_encoder_attention_mask=context.mask.expand(batch, -1),
        timestep=times,
        audio_timestep=sigma,
        sigma=sigma,
        audio_sigma=sigma,
        video_coords=torch.cat([places, places], dim=2),
        audio_num_frames=1,
        isolate_modalities=True,
        use_cross_timestep=True,
        return_dict=False,
    )
    error = (video[:, : clean.shape[1]].float() - (drawn - clean)).square().mean(-1)
    counted = (~fixed).float()
    return (error * counted).sum(1) / counted.sum(1).clamp(min=1)


def cache_latents(config: LTX2Config, model: LTX2Model, pairs: list[Pair]) -> list[Path]:
    """Encode pairs that are not encoded yet, each at a size of its own aspect; return the files."""
    folder = Path(config.bank) / "latents-ltx-2"
    group, vae = process_group(config.loop.device), model.pipe.vae
    files = [folder / f"{pair.id}.safetensors" for pair in pairs]
    with group.main_process_first(), awake(vae, torch.device(config.loop.device)):
        folder.mkdir(exist_ok=True)
        weight = next(vae.parameters()).detach().float().sum().item()
        facts = {"autoencoder": f"{weight:.6g}", "side": config.side, "frames": config.frames}
        check_made(folder, facts)
        waiting = [k for k, file in enumerate(files) if not file.exists()]
        for k in tqdm(waiting, disable=not group.is_main_process, desc="encoding", unit="pair"):
            shown = [_shown(config, model, m) for m in (pairs[k].source, pairs[k].edited)]
            length = min(len(clip) for clip in shown)
            write_shard(files[k], latents=torch.cat([_encoded(vae, c[:length]) for c in shown]))
    return files


@torch.no_grad()
def cache_context(model: LTX2Model, device: torch.device) -> list[Context]:
    """Run the connectors once, on the negative prompt if there is one and on the caption.

    In their place the pipeline gets what came out, so that validation needs them no more.
    """
    prompts = [] if model.negative is None else [model.negative]
    prompts.append((model.caption, model.mask))
    pipe, kept = model.pipe, []
    with awake(pipe.connectors, device):
        for caption, mask in prompts:
            found = pipe.connectors(
                caption.to(device), mask.to(device), padding_side=pipe.tokenizer_padding_side
            )
            kept.append(Context(*(part.detach() for part in found)))
    pipe.connectors = _Kept(kept)
    return kept


def export_adapter(transformer: LTX2VideoTransformer3DModel, folder: Path) -> Path:
    """Write the adapter in the layout of the released one: for diffusers, ComfyUI, LTX-2 itself."""
    weights = get_peft_model_state_dict(transformer, adapter_name="default")
    plain = {name: value.detach().cpu() for name, value in weights.items()}
    write_tensors(folder / WEIGHTS, to_format(plain, "comfyui"), METADATA)
    return folder


class _Kept(torch.nn.Module):
    """Stands for the connectors: returns what they made of the last so many prompts."""

    def __init__(self, contexts: list[Context]) -> None:
        super().__init__()
        self.contexts = contexts

    @property
    def device(self) -> torch.device:
        """Where it is, as the pipeline asks its parts."""
        return self.contexts[0].video.device

    def forward(self, caption: Tensor, *_: Any, **__: Any) -> tuple[Tensor, ...]:
        wanted = self.contexts[-len(caption) :]
        return tuple(torch.cat([getattr(c, n) for c in wanted]) for n in ("video", "audio", "mask"))


def _load(config: LTX2Config) -> LTX2Model:
    """Load all parts into main memory, the transformer frozen and its blocks perhaps in 8 bits."""
    folder = model_folder(config.model)
    small = natural_dtype(folder, config.loop.device) == torch.float32
    dtype = torch.float32 if small else base_dtype("auto", config.loop)
    model = load_ltx2(folder, dtype=dtype, offload="none")
    model.pipe.transformer.requires_grad_(requires_grad=False)
    if config.quantise == "int8":
        quantise_blocks(model.pipe.transformer)
    return model


def _adapt(transformer: LTX2VideoTransformer3DModel, config: LTX2Config) -> None:
    """Put a fresh adapter in; it is trained in float32."""
    settings = LoraConfig(r=config.rank, lora_alpha=config.rank, target_modules=[*config.targets])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.loop.seed)
        try:
            transformer.add_adapter(settings, adapter_name="default")
        except ValueError as error:
            what = f"no layer is named {', '.join(config.targets[:3])}"
            raise ConfigError(what, "endings of layer names such as attn1.to_q") from error
    for parameter in transformer.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    if config.loop.checkpointing or config.block_offload:
        transformer.enable_gradient_checkpointing()


def _shown(
    config: LTX2Config, model: LTX2Model, media: Media
) -> UInt8[np.ndarray, "frames height width 3"]:
    """Return a clip at the model's rate, scaled to cover its bucket, its middle and its start."""
    clip = resample(read_clip(locate(config.bank, media.path)), model.frame_rate)
    frames, height, width = bucket_of(len(clip), clip.size, config.side, config.frames)
    scale = max(height / clip.size[0], width / clip.size[1])
    tall, wide = (max(n, round(s * scale)) for n, s in zip((height, width), clip.size, strict=True))
    y, x = (tall - height) // 2, (wide - width) // 2
    large = [resize_picture(frame, tall, wide) for frame in clip.frames[:frames]]
    return np.stack(large)[:, y : y + height, x : x + width]


@torch.no_grad()
def _encoded(
    vae: AutoencoderKLLTX2Video, frames: UInt8[np.ndarray, "_ _ _ 3"]
) -> Float[Tensor, "1 channels frames height width"]:
    """Return normalised latents, in half precision on the CPU."""
    weight = next(vae.parameters())
    video = to_model_range(torch.from_numpy(frames.copy())[None]).to(weight)
    latents = vae.encode(video).latent_dist.mode()
    mean, std = (s.view(1, -1, 1, 1, 1).to(latents) for s in (vae.latents_mean, vae.latents_std))
    return ((latents - mean) * vae.config.scaling_factor / std).half().cpu()


def _sample(config: LTX2Config, model: LTX2Model, pairs: list[Pair], out: Path) -> None:
    """Edit held-back pairs by the dev setting: source, target and edit side by side."""
    how = LTX2Sampling(distilled=True)
    if model.negative is not None:
        how = LTX2Sampling(distilled=False, steps=config.sample_steps)
    device = torch.device(config.loop.device)
    for pair in pairs:
        source, edited = (_shown(config, model, m) for m in (pair.source, pair.edited))
        length = min(len(source), len(edited))
        with ExitStack() as stack:
            for part in (model.pipe.vae, model.pipe.audio_vae, model.pipe.vocoder):
                stack.enter_context(awake(part, device))
            made = edit_ltx2(model, source[:length], edited[0], how)
        wall = np.concatenate([source[:length], edited[:length], made], axis=2)
        write_clip(out / f"{pair.id}.mp4", wall, fps=model.frame_rate)
