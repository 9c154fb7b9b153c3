"""The training loop that one writes first: diffusers' own forward pass, a peft LoRA, AdamW.

What `training_speed.py` measures ours against.
"""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from peft import LoraConfig
from torch import Tensor

from synclora_lite.core import pack
from synclora_lite.models import I2VModel, encode, load_model
from synclora_lite.models.latents import to_model_range
from synclora_lite.training import AdapterConfig, LatentDataset

Latents = Float[Tensor, "batch channels frames height width"]


def plain(
    config: AdapterConfig, frames: Path | None, dtype: torch.dtype, seed: int
) -> Callable[[], None]:
    """Return a step of the loop that one writes first; it encodes its batch if given frames."""
    model = load_model(config.model)
    layers = list(config.targets)
    lora = LoraConfig(r=config.rank, lora_alpha=config.rank, target_modules=layers)
    model.transformer.requires_grad_(requires_grad=False)
    model.transformer.add_adapter(lora)
    trained = [p for p in model.transformer.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=config.loop.lr)
    bank = LatentDataset(frames, "frames") if frames else LatentDataset(config.bank)
    generator = torch.Generator().manual_seed(seed)
    casting = nullcontext() if dtype == torch.float32 else torch.autocast("cpu", dtype)

    def step() -> None:
        pairs = bank.read(torch.randint(len(bank), (config.loop.batch,), generator=generator))
        source, edited = (encoded(model, side) if frames else side for side in pairs.unbind(1))
        noise = torch.randn(edited.shape, generator=generator)
        sigmas = torch.sigmoid(torch.randn(len(edited), generator=generator))
        with casting:
            loss = plain_loss(model, source, edited, noise, sigmas)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(trained, config.loop.clip)
        optimizer.step()
        optimizer.zero_grad()

    return step


@torch.no_grad()
def encoded(model: I2VModel, frames: Tensor) -> Latents:
    """Encode the clips of a batch."""
    return encode(model, to_model_range(frames))


def plain_loss(
    model: I2VModel,
    source: Latents,
    edited: Latents,
    noise: Latents,
    sigmas: Float[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """Return the flow-matching loss by the stock model's own forward pass."""
    velocity = plain_velocity(model, source, edited, noise, sigmas)
    return F.mse_loss(velocity.float(), pack((noise - edited)[:, :, 1:]))


def plain_velocity(
    model: I2VModel,
    source: Latents,
    edited: Latents,
    noise: Latents,
    sigmas: Float[Tensor, " batch"],
) -> Float[Tensor, "batch noisy_tokens channels"]:
    """Return what the stock model predicts for the noisy frames: all but the first."""
    batch, _, frames, height, width = edited.shape
    mixed = torch.lerp(edited, noise, sigmas.view(-1, 1, 1, 1, 1))
    noisy = torch.cat([edited[:, :, :1], mixed[:, :, 1:]], dim=2)  # the first frame is given
    tokens = torch.cat([pack(source), pack(noisy)], dim=1)
    clean = pack(source).shape[1] + height * width
    timesteps = 1000 * sigmas[:, None].repeat(1, tokens.shape[1])
    timesteps[:, :clean] = 0
    places = model.coordinates(frames, height, width).repeat(1, 2)
    velocity = model.transformer(
        hidden_states=tokens,
        encoder_hidden_states=model.caption.expand(batch, -1, -1),
        timestep=timesteps,
        encoder_attention_mask=torch.ones(batch, model.caption.shape[1]),
        video_coords=places.expand(batch, -1, -1),
    ).sample
    return velocity[:, clean:]
