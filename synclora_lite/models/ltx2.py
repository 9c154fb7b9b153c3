"""LTX-2 and LTX-2.3, where the released Sync-LoRA lives: one call per edit, on the stock pipeline.

The recipe is the released adapter's (arXiv 2512.03013, `SagiPolaczek/LTX-2.3-Sync-LoRA`): the
constant prompt, the edited frame as a condition at latent index 0, the source as a reference
condition. Adapters are loaded, stacked and weighted by diffusers.
"""

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import diffusers
import numpy as np
import PIL.Image
import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    LTX2InContextPipeline,
    LTX2LatentUpsamplePipeline,
)
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition
from diffusers.pipelines.ltx2.pipeline_ltx2_ic_lora import LTX2ReferenceCondition
from diffusers.pipelines.ltx2.utils import (
    DEFAULT_NEGATIVE_PROMPT,
    STAGE_2_DISTILLED_SIGMA_VALUES,
)
from jaxtyping import Float, Int, UInt8
from pydantic import Field
from torch import Tensor

from synclora_lite.errors import ModelError
from synclora_lite.files import read_json
from synclora_lite.models.captions import PROMPT, Embedded, kept_caption
from synclora_lite.models.folders import check_generation, hub_folder, is_ltx2, model_folder
from synclora_lite.models.formats import Coverage, coverage, read_weights, reference_downscale
from synclora_lite.models.latents import legal_size
from synclora_lite.models.ltx2_sampling import AS_GIVEN, UNGUIDED, LTX2Sampling
from synclora_lite.models.model import SETTINGS, load_part
from synclora_lite.models.precision import weight_bytes
from synclora_lite.settings import FrameRate, Settings, build
from synclora_lite.video import Clip, read_clip, write_clip

Offload = Literal["none", "parts", "layers"]  # what waits in main memory
Caption = tuple[Float[Tensor, "1 caption_tokens dim"], Int[Tensor, "1 caption_tokens"]]

Frames = UInt8[np.ndarray, "_ _ _ 3"]
Picture = UInt8[np.ndarray, "_ _ 3"]

REFINING: dict[str, Any] = {  # the second stage: noised again to its first level, no guidance
    "sigmas": STAGE_2_DISTILLED_SIGMA_VALUES,
    "noise_scale": STAGE_2_DISTILLED_SIGMA_VALUES[0],
    **UNGUIDED,
}
HEADROOM = 0.85  # of a GPU's free memory for weights; the rest is for what is computed


@dataclass(frozen=True)
class Adapter:
    """A LoRA file, the factor on its update, and whether a second stage uses it, too."""

    file: Path
    strength: float = 1.0
    refines: bool = False


@dataclass(frozen=True)
class _Settings(Settings):
    """What `synclora.json` in a model folder may set."""

    frame_rate: FrameRate = 25.0
    side: Annotated[int, Field(ge=32, le=4096)] = 512
    frames: Annotated[int, Field(ge=2, le=4096)] = 81  # windows share one


@dataclass(frozen=True)
class LTX2Model:
    """An LTX-2 pipeline without its text encoder, and the prompts' embeddings in its place."""

    pipe: LTX2InContextPipeline  # with the adapters; its scheduler takes noise levels as given
    scheduler: FlowMatchEulerDiscreteScheduler  # the one it came with
    caption: Float[Tensor, "1 caption_tokens dim"]  # as `encode_prompt` gives it
    mask: Int[Tensor, "1 caption_tokens"]  # 1 for its tokens, 0 for padding
    negative: Caption | None  # of the official negative prompt, which the dev setting needs
    name: str
    frame_rate: float  # of the clips it is given, as the released adapter was trained
    side: int  # root of the number of pixels of a frame, likewise; a second stage doubles it
    frames: int  # most at once, likewise
    upsampler: LTX2LatentUpsamplePipeline | None = None  # doubles latents for a second stage
    adapters: tuple[Adapter, ...] = ()
    covered: tuple[Coverage, ...] = ()  # by adapter
    reference_downscale: int = 1  # how much smaller than the target the reference is

    @property
    def stages(self) -> int:
        """Two with an upsampler."""
        return 1 if self.upsampler is None else 2

    def prompts(self, *, guided: bool) -> dict[str, Tensor]:
        """Return what the stock pipeline is told of the prompts."""
        told = {"prompt_embeds": self.caption, "prompt_attention_mask": self.mask}
        if not guided:
            return told
        if self.negative is None:
            what = f"{self.name} holds no embedding of the negative prompt and no text encoder"
            advice = "say --distilled, or download the text encoder; it is needed once"
            raise ModelError(what, "one of the two for the dev setting", advice)
        names = ("negative_prompt_embeds", "negative_prompt_attention_mask")
        return told | dict(zip(names, self.negative, strict=True))


def load_ltx2(
    name: str | Path,
    adapters: Sequence[Adapter] = (),
    *,
    upsampler: str | Path | None = None,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> LTX2Model:
    """Load an LTX-2 model for editing, by folder or hub name, and adapters stacked on it.

    With an upsampler (folder or hub name) edits take two stages. Raises ModelError if something is
    missing, of another family, or an adapter does not fit, ConfigError for a damaged synclora.json.
    """
    folder = model_folder(name)
    if not is_ltx2(folder):
        raise ModelError(f"{name} is no LTX-2 model", "a folder of an LTX-2 pipeline")
    check_generation(folder)
    stored = read_json(folder / SETTINGS) if (folder / SETTINGS).exists() else {}
    settings = build(_Settings, stored, f"{folder / SETTINGS}: ")
    diffusers.utils.logging.disable_progress_bar()
    (caption, mask), negative = _prompts(folder, device, dtype)
    without = dict.fromkeys(("text_encoder", "tokenizer"))
    pipe = LTX2InContextPipeline.from_pretrained(
        folder, **without, dtype=dtype, local_files_only=True, use_safetensors=True
    )
    pipe.set_progress_bar_config(disable=True)
    stock = pipe.scheduler
    pipe.scheduler = FlowMatchEulerDiscreteScheduler.from_config(stock.config, **AS_GIVEN)
    covered = _add_adapters(pipe, adapters)
    _place(pipe, folder, device)
    return LTX2Model(
        *(pipe, stock, caption, mask, negative, Path(name).name),
        **asdict(settings),
        upsampler=_upsampler(upsampler, pipe, device, dtype) if upsampler else None,
        adapters=tuple(adapters),
        covered=covered,
        reference_downscale=reference_downscale([adapter.file for adapter in adapters]),
    )


@torch.no_grad()
def edit_ltx2(model: LTX2Model, source: Frames, first_frame: Picture, how: LTX2Sampling) -> Frames:
    """Carry the edit of the first frame through a clip, cropped to the person, at the model's rate.

    With an upsampler the official two stages: half the size with the reference, then doubled,
    noised a little and refined without reference and without the in-context adapter. A clip of
    other sizes than multiples of 32 (64), or not of 8k+1 frames, is padded and cropped again.

    Raises ModelError for the dev setting without an embedding of the negative prompt, EditError
    for steps that the setting does not have.
    """
    frames, height, width = source.shape[:3]
    pipe, stages = model.pipe, model.stages
    setting = how.arguments(model.scheduler)
    prompts = model.prompts(guided=setting["guidance_scale"] != 1)
    ratio = stages * max(32, pipe.vae_spatial_compression_ratio)
    legal = legal_size((frames, height, width), pipe.vae_temporal_compression_ratio, ratio)
    clip = [PIL.Image.fromarray(frame) for frame in _pad(source, legal)]
    reference = LTX2ReferenceCondition(frames=clip, strength=how.reference_strength)
    frame = recompress(_pad(first_frame[None], (1, *legal[1:]))[0], how.crf)
    common: dict[str, Any] = {
        "conditions": [LTX2VideoCondition(frames=frame, index=0, strength=1.0, crf=0)],
        "num_frames": legal[0],
        "frame_rate": model.frame_rate,
        "generator": torch.Generator().manual_seed(how.seed),
        "return_dict": False,
    }
    made, sound = pipe(
        **common,
        **prompts,
        **setting,
        height=legal[1] // stages,
        width=legal[2] // stages,
        reference_conditions=[reference] if how.reference_strength > 0 else None,
        reference_downscale_factor=model.reference_downscale,
        output_type="np" if stages == 1 else "latent",
    )
    if model.upsampler is not None:
        common |= {"height": legal[1], "width": legal[2], "audio_latents": sound}
        made = _refine(model, model.upsampler, made, common)
    return (made[0][:frames, :height, :width] * 255).round().astype(np.uint8)


def _refine(
    model: LTX2Model, upsampler: LTX2LatentUpsamplePipeline, latents: Tensor, common: dict[str, Any]
) -> Any:
    """Double the sides of latents and refine them, with the adapters that are meant for it."""
    large = upsampler(latents=latents, output_type="latent", return_dict=False)[0]
    prompts = model.prompts(guided=False)
    _weigh(model.pipe, [a.strength * a.refines for a in model.adapters])
    made, _ = model.pipe(**common, **REFINING, **prompts, latents=large, output_type="np")
    _weigh(model.pipe, [a.strength for a in model.adapters])
    return made


def recompress(picture: Picture, crf: int) -> Picture:
    """Compress a picture as a frame of H.264 and decode it; 0 leaves it as it is."""
    if crf == 0:
        return picture
    with tempfile.TemporaryDirectory() as folder:
        file = write_clip(Path(folder) / "frame.mp4", Clip(picture[None], 1.0), quality=crf)
        return read_clip(file).frames[0, : picture.shape[0], : picture.shape[1]]


def choose_offload(parts: Mapping[str, float], free: float) -> Offload:
    """Return what must wait in main memory for a GPU with so many free bytes to run the parts."""
    room = HEADROOM * free
    if sum(parts.values()) <= room:
        return "none"
    return "parts" if max(parts.values()) <= room else "layers"


def _prompts(folder: Path, device: str, dtype: torch.dtype) -> tuple[Caption, Caption | None]:
    """Return the constant prompt and, as far as it can be known, the negative one."""
    complete = (folder / "text_encoder").is_dir()  # else the negative prompt may be missing
    stored = kept_caption(folder, _embed, ("caption", "negative") if complete else ("caption",))
    found: dict[str, Caption] = {}
    for name in {"caption", "negative"} & stored.keys():
        embedding, mask = padded_caption(stored, name)
        found[name] = embedding.to(device, dtype), mask.to(device)
    return found["caption"], found.get("negative")


def padded_caption(stored: Embedded, name: str = "caption") -> Caption:
    """Return an embedding and its mask at full length; files keep the true tokens only.

    The connectors set the tokens of padding to zero before they look at any, and a kilobyte per
    token and layer of the text encoder is much to keep for a thousand of them.
    """
    caption = stored[name]
    kept = "mask" if name == "caption" else f"{name}_mask"
    mask = stored.get(kept, torch.ones(caption.shape[:2], dtype=torch.int64))
    full = caption.new_zeros(*mask.shape, caption.shape[2])
    full[mask.bool()] = caption[0]
    return full, mask


@torch.no_grad()
def _embed(folder: Path, dtype: torch.dtype) -> Embedded:
    """Embed both prompts with the folder's own text encoder, nothing else being loaded."""
    without = dict.fromkeys(("transformer", "vae", "audio_vae", "connectors", "vocoder"))
    pipe = LTX2InContextPipeline.from_pretrained(
        folder, **without, dtype=dtype, local_files_only=True, use_safetensors=True
    )
    caption, mask, negative, negative_mask = pipe.encode_prompt(
        PROMPT, DEFAULT_NEGATIVE_PROMPT, do_classifier_free_guidance=True
    )
    return {
        "caption": caption[:, mask[0].bool()],
        "mask": mask,
        "negative": negative[:, negative_mask[0].bool()],
        "negative_mask": negative_mask,
    }


def _add_adapters(pipe: LTX2InContextPipeline, adapters: Sequence[Adapter]) -> tuple[Coverage, ...]:
    """Load adapters by the stock loader, which only warns of weights that have no place."""
    covered = []
    for number, adapter in enumerate(adapters):
        weights = read_weights(adapter.file, pipe.transformer)
        changed = {name.rsplit(".lora_", 1)[0] for name in weights}
        covered.append(coverage(changed, pipe.transformer))
        named = {f"transformer.{name}": value for name, value in weights.items()}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Already found a `peft_config`")  # on purpose
            pipe.load_lora_weights(named, adapter_name=f"adapter_{number}")
    _weigh(pipe, [adapter.strength for adapter in adapters])
    return tuple(covered)


def _weigh(pipe: LTX2InContextPipeline, strengths: Sequence[float]) -> None:
    if strengths:
        pipe.set_adapters([f"adapter_{n}" for n in range(len(strengths))], list(strengths))


def _upsampler(
    name: str | Path, pipe: LTX2InContextPipeline, device: str, dtype: torch.dtype
) -> LTX2LatentUpsamplePipeline:
    """Load a latent upsampler: a folder of its own, or the part of a model of that name."""
    folder = Path(name)
    if not folder.is_dir():
        folder = hub_folder(name, "a folder or hub repository of a latent upsampler")
    if (folder / "latent_upsampler").is_dir():
        folder = folder / "latent_upsampler"
    model = load_part(LTX2LatentUpsamplerModel, folder, dtype).to(device)
    return LTX2LatentUpsamplePipeline(vae=pipe.vae, latent_upsampler=model)


def _place(pipe: LTX2InContextPipeline, folder: Path, device: str) -> None:
    """Bring the weights to the device, or let them come when they are needed."""
    loaded = [name for name, part in pipe.components.items() if part is not None]
    parts = {name: weight_bytes(folder / name) for name in loaded}
    on_gpu = torch.device(device).type == "cuda"
    free = torch.cuda.mem_get_info(device)[0] if on_gpu else float("inf")
    offload = choose_offload(parts, free)
    if offload == "none":
        pipe.to(device)
        return
    pipe.vae.enable_tiling()
    if offload == "parts":
        pipe.enable_model_cpu_offload(device=device)
    else:  # slow, fits any card
        pipe.enable_sequential_cpu_offload(device=device)


def _pad(frames: Frames, size: tuple[int, int, int]) -> Frames:
    """Repeat the last frame, row and column up to `size`."""
    missing = [(0, max(0, want - have)) for want, have in zip(size, frames.shape[:3], strict=True)]
    return np.pad(frames, [*missing, (0, 0)], mode="edge")
