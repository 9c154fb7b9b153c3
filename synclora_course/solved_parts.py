"""Sync-LoRA as I wrote it in chapters 4 to 6 of the book."""

import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn


# ==== 4.1 noise_and_velocity: the book's ====
def noise_and_velocity(x0, noise, sigma):
    """Mix data with noise, and say which way the noise lies.

    Args:
        x0: Data, a tensor of shape (batch, ...).
        noise: Noise of the same shape.
        sigma: Shares of noise, a tensor of shape (batch,).

    Returns:
        x_sigma and v, both of the shape of x0.

    """
    s = sigma.view(-1, *[1] * (x0.ndim - 1))
    return (1 - s) * x0 + s * noise, noise - x0


# ==== 4.2 euler: the book's ====
def euler(velocity, noise, sigmas):
    """Follow a velocity field from noise to data.

    Args:
        velocity: A function of points (batch, 2) and of one level; gives
            (batch, 2).
        noise: Where to start, (batch, 2).
        sigmas: Levels from 1 to 0, a list or tensor of n + 1 numbers.

    Returns:
        The points at level 0, (batch, 2).

    """
    x = noise
    for k in range(len(sigmas) - 1):
        x = x + (sigmas[k + 1] - sigmas[k]) * velocity(x, sigmas[k])
    return x


# ==== 4.3 token_positions: the book's ====
def token_positions(
    frames, height, width, spatial_ratio, temporal_ratio, frame_rate
):
    """Return time in seconds, and y and x in pixels, of every token.

    Args:
        frames: Latent frames.
        height: Latent rows.
        width: Latent columns.
        spatial_ratio: Pixels per latent row or column.
        temporal_ratio: Pixel frames per latent frame (but the first).
        frame_rate: Pixel frames per second.

    Returns:
        A float tensor of shape (3, frames * height * width).

    """
    starts = (torch.arange(frames) * temporal_ratio + 1 - temporal_ratio).clamp(
        min=0
    )
    rows, columns = (
        torch.arange(height) * spatial_ratio,
        torch.arange(width) * spatial_ratio,
    )
    grid = torch.meshgrid(
        starts / frame_rate, rows.float(), columns.float(), indexing="ij"
    )
    return torch.stack(grid).flatten(1)


# ==== 4.4 rotate: the book's ====
def rotate(x, angles):
    """Rotate neighbouring pairs of channels.

    Args:
        x: Vectors, a tensor of shape (batch, tokens, 2 * pairs).
        angles: Radians, a tensor of shape (tokens, pairs).

    Returns:
        The rotated vectors, of the shape of x.

    """
    even, odd = x[..., 0::2], x[..., 1::2]
    cos, sin = angles.cos(), angles.sin()
    return torch.stack(
        [even * cos - odd * sin, even * sin + odd * cos], dim=-1
    ).flatten(-2)


# ==== 4 pack: given ====
def pack(latents):
    """Make tokens of latents: (batch, channels, frames, rows, columns) ->
    (batch, tokens, channels).
    """
    return latents.flatten(2).transpose(1, 2)


def unpack(tokens, frames, height, width):
    """Undo `pack`."""
    return tokens.transpose(1, 2).unflatten(2, (frames, height, width))


def rotary_angles(coordinates, dim):
    """Give each pair of channels its angle: (3, tokens) -> (tokens, dim /
    2).
    """
    span = torch.tensor([20.0, 2048.0, 2048.0])  # seconds, pixels, pixels
    place = 2 * coordinates / span[:, None] - 1  # p
    # omega
    frequencies = 10_000 ** torch.linspace(0, 1, dim // 6) * math.pi / 2
    # t, y, x in turn
    angles = (frequencies * place[..., None]).permute(1, 2, 0).flatten(1)
    # pairs left over stand still
    return F.pad(angles, (dim // 2 - angles.shape[1], 0))


# ==== 4.5 token_sigmas: the book's ====
def token_sigmas(sigma, frames, height, width):
    """Give each token its noise level; the first frame is given.

    Args:
        sigma: Level of each clip, a tensor of shape (batch,).
        frames: Latent frames.
        height: Latent rows.
        width: Latent columns.

    Returns:
        A tensor of shape (batch, frames * height * width).

    """
    sigmas = sigma[:, None].repeat(1, frames * height * width)
    sigmas[:, : height * width] = 0
    return sigmas


# ==== 4 attend: given ====
def attend(q, k, v):
    """Return softmax(q k^T / sqrt(d)) v, for q, k, v of shape (batch, heads,
    tokens, d).
    """
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    return scores.softmax(-1) @ v


def self_attention(attn, x, angles, reference_tokens=0):
    """Let tokens (batch, tokens, dim) attend to each other; `attn` holds the
    weights.
    """
    q = rotate(attn.norm_q(attn.to_q(x)).float(), angles).to(x.dtype)
    k = rotate(attn.norm_k(attn.to_k(x)).float(), angles).to(x.dtype)
    q, k, v = (
        y.unflatten(2, (attn.heads, -1)).transpose(1, 2)
        for y in (q, k, attn.to_v(x))
    )
    out = attend(q, k, v)
    if reference_tokens:  # from chapter 5 on
        out = attend_with_reference(q, k, v, reference_tokens)  # noqa: F821
    return attn.to_out[0](out.transpose(1, 2).flatten(2))


def caption_attention(attn, x, caption):
    """Let tokens attend to the caption, (1, caption tokens, dim)."""
    return attn(x, encoder_hidden_states=caption.expand(len(x), -1, -1))


# ==== 4.6 transformer_block: the book's ====
def transformer_block(
    block, x, modulation, caption, angles, reference_tokens=0
):
    """Take hidden states through one block.

    Args:
        block: diffusers' block, whose weights are used.
        x: Hidden states, (batch, tokens, dim).
        modulation: What the timestep says to each token, (batch, tokens, 6,
            dim).
        caption: (1, caption tokens, dim).
        angles: From `rotary_angles`.
        reference_tokens: Passed on to `self_attention`.

    Returns:
        The new hidden states, (batch, tokens, dim).

    """
    six = block.scale_shift_table + modulation
    shift_a, scale_a, gate_a, shift_f, scale_f, gate_f = six.unbind(2)
    h = block.norm1(x) * (1 + scale_a) + shift_a
    x = x + gate_a * self_attention(block.attn1, h, angles, reference_tokens)
    x = x + caption_attention(block.attn2, x, caption)
    h = block.norm2(x) * (1 + scale_f) + shift_f
    return x + gate_f * block.ff(h)


# ==== 4 predict_velocity: given ====
def predict_velocity(
    transformer, tokens, sigmas, caption, coordinates, reference_tokens=0
):
    """Predict a velocity for every token, in float32.

    Args:
        transformer: diffusers' model, whose weights are used.
        tokens: (batch, tokens, channels).
        sigmas: Noise level of every token, (batch, tokens).
        caption: (1, caption tokens, caption channels).
        coordinates: From `token_positions`.
        reference_tokens: How many tokens at the start are a reference
            (chapter 5).

    """
    dtype = transformer.scale_shift_table.dtype
    c_in, c_skip, c_out = 1.0, 0.0, 1.0
    # the lite model's, from the noise levels
    if hasattr(transformer, "preconditioning"):
        c_in, c_skip, c_out = transformer.preconditioning(sigmas[..., None])
    x = transformer.proj_in((c_in * tokens).to(dtype))  # (B, S, D)
    # few levels, many tokens
    levels, which = sigmas.unique(return_inverse=True)
    modulation, embedded = transformer.time_embed(
        1000 * levels, batch_size=len(levels), hidden_dtype=dtype
    )
    modulation = modulation.view(len(levels), 6, -1)[which]  # (B, S, 6, D)
    caption = transformer.caption_projection(caption.to(dtype))
    angles = rotary_angles(coordinates, x.shape[-1])
    for block in transformer.transformer_blocks:
        x = transformer_block(
            block, x, modulation, caption, angles, reference_tokens
        )
    # (B, S, 2, D)
    last = transformer.scale_shift_table + embedded[which].unsqueeze(2)
    shift, scale = last.unbind(2)
    out = transformer.proj_out(
        transformer.norm_out(x) * (1 + scale) + shift
    ).float()
    return c_skip * tokens + c_out * out


# ==== 4.7 flow_loss: the book's ====
def flow_loss(velocity, x0, noise, sigmas):
    """Return each sample's mean squared velocity error over its noisy tokens:
    (batch,).
    """
    error = (velocity - (noise - x0)).square().mean(-1)  # (batch, tokens)
    noisy = sigmas > 0
    return (error * noisy).sum(1) / noisy.sum(1)


# ==== 4 noise_levels: given ====
def noise_levels(steps, shift):
    """Return falling levels from 1 to 0; a larger shift spends more of them
    near noise.
    """
    s = torch.linspace(1, 0, steps + 1)
    return shift * s / (1 + (shift - 1) * s)


# ==== 4.8 sample: the book's ====
def sample(predict, first_frame, noise, levels):
    """Draw clips that begin with a given frame.

    Args:
        predict: A function of tokens (batch, tokens, channels) and levels
            (batch, tokens).
        first_frame: Clean latents, (batch, channels, 1, rows, columns).
        noise: (batch, channels, frames, rows, columns); its first frame is
            not used.
        levels: Falling noise levels, the last one 0.

    Returns:
        Latents of the shape of `noise`.

    """
    batch, _, frames, height, width = noise.shape
    given = height * width  # tokens of the first frame

    def velocity(x, sigma):
        sigmas = token_sigmas(
            torch.full((batch,), float(sigma)), frames, height, width
        )
        v = predict(x, sigmas).clone()
        v[:, :given] = 0
        return v

    start = torch.cat([pack(first_frame), pack(noise)[:, given:]], dim=1)
    return unpack(euler(velocity, start, levels), frames, height, width)


# ==== 5 LoRALinear: given ====
class LoRALinear(nn.Module):
    """A frozen layer W and its update: W x + scale B A x."""

    def __init__(self, base, rank, generator=None):
        super().__init__()
        self.base_layer = base
        self.lora_A = nn.Linear(base.in_features, rank, bias=False)  # A: (r, n)
        # B: (m, r)
        self.lora_B = nn.Linear(rank, base.out_features, bias=False)
        nn.init.normal_(
            self.lora_A.weight, std=base.in_features**-0.5, generator=generator
        )
        nn.init.zeros_(self.lora_B.weight)
        self.scale = 1.0  # alpha / r

    def forward(self, x):
        A, B = self.lora_A.weight.to(x.dtype), self.lora_B.weight.to(x.dtype)
        return self.base_layer(x) + self.scale * (x @ A.T) @ B.T


# ==== 5.1 inject: the book's ====
def inject(model, endings, rank, generator=None):
    """Put fresh adapters on some linear layers of a model, in place.

    Args:
        model: Any module; all that it holds is frozen.
        endings: Endings of the names of the layers, such as "attn1.to_q".
        rank: Rank of the updates.
        generator: Passed on to `LoRALinear`.

    Returns:
        The list of parameters to be trained: A and B of each layer.

    """
    model.requires_grad_(False)
    words = tuple(f".{ending}" for ending in endings)
    trained = []
    for name, layer in list(model.named_modules()):
        if isinstance(layer, nn.Linear) and f".{name}".endswith(words):
            parent, _, last = name.rpartition(".")
            adapted = LoRALinear(layer, rank, generator)
            setattr(model.get_submodule(parent), last, adapted)
            trained += [adapted.lora_A.weight, adapted.lora_B.weight]
    return trained


# ==== 5 load_lora: given ====
def load_lora(transformer, folder):
    """Put a saved adapter into a transformer; return the settings it was
    trained with.
    """
    settings = json.loads((Path(folder) / "adapter.json").read_text())
    inject(transformer, settings["targets"], settings["rank"])
    for name, value in load_file(Path(folder) / "adapter.safetensors").items():
        transformer.get_parameter(name.removeprefix("transformer.")).data.copy_(
            value
        )
    return settings


# ==== 5.2 with_reference: the book's ====
def with_reference(tokens, sigmas, coordinates, reference):
    """Put a reference clip before the target.

    Args:
        tokens: The target's, (batch, tokens, channels).
        sigmas: The target's noise levels, (batch, tokens).
        coordinates: The target's time, y and x, (3, tokens).
        reference: Clean latents of the size of the target, (batch,
            channels, frames, rows, columns).

    Returns:
        Tokens, noise levels and coordinates of the sequence, the reference
        first.

    """
    clean = pack(reference)
    levels = torch.zeros(clean.shape[:2])
    return (
        torch.cat([clean, tokens], dim=1),
        torch.cat([levels, sigmas], dim=1),
        torch.cat([coordinates, coordinates], dim=1),
    )


# ==== 5.3 attend_with_reference: the book's ====
def attend_with_reference(q, k, v, reference_tokens):
    """Attend in the layout reference-self.

    Args:
        q: Queries, (batch, heads, tokens, channels), the reference's first.
        k: Keys, of the same shape.
        v: Values, of the same shape.
        reference_tokens: How many of the tokens are the reference.

    Returns:
        A tensor of the shape of v.

    """
    r = reference_tokens
    own = attend(q[:, :, :r], k[:, :, :r], v[:, :, :r])
    return torch.cat([own, attend(q[:, :, r:], k, v)], dim=2)


# ==== 5.4 predictor: the book's ====
def predictor(transformer, caption, coordinates, reference=None):
    """Return a function of the target's tokens and noise levels that predicts
    their velocity.

    Args:
        transformer: With or without an adapter.
        caption: (1, caption tokens, caption channels).
        coordinates: The target's, (3, tokens).
        reference: Clean latents of the source clips, or None.

    """

    def predict(tokens, sigmas):
        if reference is None:
            return predict_velocity(
                transformer, tokens, sigmas, caption, coordinates
            )
        x, levels, places = with_reference(
            tokens, sigmas, coordinates, reference
        )
        n = x.shape[1] - tokens.shape[1]  # tokens of the reference
        velocity = predict_velocity(transformer, x, levels, caption, places, n)
        return velocity[:, n:]

    return predict


# ==== 6.1 training_sigmas: the book's ====
def training_sigmas(normal, uniform, use_uniform, mu):
    """Return noise levels in (0, 1), of the shape of `normal`."""
    return torch.where(use_uniform, uniform, torch.sigmoid(mu + normal))


# ==== 6.2 train_step: the book's ====
def train_step(predict, clips, sigma, noise, optimizer, clip=1.0):
    """Take one step; return the loss as a float.

    Args:
        predict: A function of tokens and their noise levels, both of the
            target.
        clips: Latents to be generated, (batch, channels, frames, rows,
            columns).
        sigma: Noise levels, (batch,).
        noise: Of the shape of `clips`.
        optimizer: Holds the parameters.
        clip: A longer gradient is scaled down to this norm.

    """
    frames, height, width = clips.shape[2:]
    given = height * width
    x = pack(noise_and_velocity(clips, noise, sigma)[0])
    x[:, :given] = pack(clips)[:, :given]
    sigmas = token_sigmas(sigma, frames, height, width)
    loss = flow_loss(
        predict(x, sigmas), pack(clips), pack(noise), sigmas
    ).mean()
    optimizer.zero_grad()
    loss.backward()
    parameters = [
        p for group in optimizer.param_groups for p in group["params"]
    ]
    nn.utils.clip_grad_norm_(parameters, clip)
    optimizer.step()
    return loss.item()


# ==== 6.3 rows_of_batch: the book's ====
def rows_of_batch(count, batch, index, seed):
    """Return the rows of one batch, (batch,), from its number alone."""
    rows = []
    for place in range(index * batch, (index + 1) * batch):
        epoch, within = divmod(place, count)
        order = torch.randperm(
            count,
            generator=torch.Generator().manual_seed(seed + 1000003 * epoch),
        )
        rows.append(order[within])
    return torch.stack(rows)


# ==== 6 state_of: given ====
def state_of(parameters, optimizer, step):
    """Return copies of all that a run needs to go on after `step` steps, by
    name.
    """
    saved = {"steps": torch.tensor(step)}
    for k, parameter in enumerate(parameters):
        saved[f"{k}.weight"] = parameter.detach().clone()
        # step, exp_avg, exp_avg_sq
        for name, value in optimizer.state[parameter].items():
            saved[f"{k}.{name}"] = value.clone()
    return saved


# ==== 6.5 resume: the book's ====
def resume(saved, parameters, optimizer):
    """Bring a fresh run to where another was saved by `state_of`; return its
    number of steps.
    """
    for k, parameter in enumerate(parameters):
        parameter.data.copy_(saved[f"{k}.weight"])
        optimizer.state[parameter] = {
            name: saved[f"{k}.{name}"].clone()
            for name in ("step", "exp_avg", "exp_avg_sq")
        }
    return int(saved["steps"])
