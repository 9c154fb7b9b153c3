"""The method against the stock classes of diffusers and peft, and within its border."""

import ast
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import LTXImageToVideoPipeline, LTXVideoTransformer3DModel
from peft import LoraConfig, get_peft_model_state_dict

import synclora_lite.core
from synclora_course.tiny_ltx import tiny_model
from synclora_lite import core
from synclora_lite.core import (
    SELF_ATTENTION,
    Conditioning,
    Objective,
    combine,
    eject,
    flow_loss,
    in_context_batch,
    inference_sigmas,
    inject,
    load_lora_state_dict,
    lora_state_dict,
    merge,
    pack,
    predict_velocity,
    reference_cache,
    rotations,
    sample,
    set_scale,
    train_step,
    training_loss,
    transformer_block,
)
from synclora_lite.core.attention import attend, self_attention

SIZE = (3, 2, 2)  # latent frames, rows, columns
RANK = 4
FOLDER = Path(synclora_lite.core.__file__).parent


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def clips(seed: int) -> torch.Tensor:
    return noise(2, 8, *SIZE, seed=seed)


def conditioning(model: Any, reference: torch.Tensor | None = None, **options: Any) -> Conditioning:
    return Conditioning(model.caption, model.coordinates(*SIZE), reference, **options)


def fill(transformer: LTXVideoTransformer3DModel, seed: int = 9) -> None:
    """Stand in for training: give every factor of the adapter some value."""
    weights = core.lora_state_dict(transformer)
    drawn = torch.Generator().manual_seed(seed)
    load_lora_state_dict(
        transformer, {n: 0.3 * torch.randn(v.shape, generator=drawn) for n, v in weights.items()}
    )


def velocity(transformer: LTXVideoTransformer3DModel, seed: int = 1) -> torch.Tensor:
    model = tiny_model()
    x, sigmas = noise(2, 12, 8, seed=seed), torch.tensor([[0.0, 0.3, 0.3], [0.0, 0.9, 0.9]])
    place = model.coordinates(*SIZE)
    return predict_velocity(transformer, x, sigmas, model.caption, place).detach()


# --- the border


def test_core_imports_torch_diffusers_peft_jaxtyping_and_itself_only():
    allowed = {"torch", "diffusers", "peft", "jaxtyping", *sys.stdlib_module_names}
    for file in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            for name in names:
                assert name.startswith("synclora_lite.core") or name.split(".")[0] in allowed, file


def test_core_can_be_read_in_an_hour():
    assert sum(len(file.read_text().splitlines()) for file in FOLDER.glob("*.py")) <= 1100


# --- the block


def test_our_rotations_are_those_of_the_stock_class():
    for dim in (32, 40, 64):
        model = tiny_model()
        rope = type(model.transformer.rope)(dim=dim)
        place = model.coordinates(*SIZE)
        cosine, sine = rope(noise(1, 12, 8), video_coords=place[None])
        ours = rotations(place, dim)
        assert torch.allclose(ours.real, cosine[0, :, ::2], atol=1e-5)
        assert torch.allclose(ours.imag, sine[0, :, ::2], atol=1e-5)


@pytest.mark.parametrize("caption_tokens", [1, 3])
def test_our_block_equals_the_class_of_diffusers(caption_tokens: int):
    model = tiny_model()
    block = model.transformer.transformer_blocks[0]
    x, modulation = noise(2, 12, 32), noise(2, 3, 6, 32, seed=1)
    caption = noise(1, caption_tokens, 32, seed=2)
    place = model.coordinates(*SIZE)
    stock = block(
        x,
        caption.expand(2, -1, -1),
        modulation.repeat_interleave(4, dim=1).flatten(2),
        model.transformer.rope(x, video_coords=place[None].expand(2, -1, -1)),
    )
    ours = transformer_block(block, x, modulation, caption, rotations(place, 32))
    assert (ours - stock).abs().max() < 1e-5


def test_the_layout_is_the_mask_that_it_stands_for():
    model = tiny_model()
    attn = model.transformer.transformer_blocks[0].attn1
    x, turn = noise(2, 20, 32), rotations(noise(3, 20, seed=3), 32)
    ours = self_attention(attn, x, turn, reference_tokens=8, layout="reference-self")
    rotary = torch.view_as_real(turn).repeat_interleave(2, dim=1)[None]
    mask = core.attention_mask(8, 12, "reference-self")
    bias = torch.zeros(mask.shape).masked_fill(~mask, -torch.inf).repeat(attn.heads * 2, 1, 1)
    stock = attn(x, attention_mask=bias, image_rotary_emb=rotary.unbind(-1))
    assert (ours - stock).abs().max() < 1e-5
    full = self_attention(attn, x, turn, reference_tokens=8, layout="full")
    assert (full - attn(x, image_rotary_emb=rotary.unbind(-1))).abs().max() < 1e-5


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-5), (torch.bfloat16, 0.05)])
def test_attention_written_out_equals_the_fused_kernel_forward_and_backward(dtype, error):
    q, k, v = (noise(2, 4, 50, 16, seed=s).to(dtype) for s in range(3))
    inputs = [x.requires_grad_() for x in (q, k, v)]
    ours = attend(q, k, v)
    fused = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    assert (ours - fused).abs().max() < error
    pairs = zip(*(torch.autograd.grad(x.sum(), inputs) for x in (ours, fused)), strict=True)
    assert all((a - b).abs().max() < 10 * error for a, b in pairs)


def test_in_bfloat16_no_activation_leaves_the_format_of_the_weights():
    model = tiny_model()
    exact = velocity(model.transformer)
    transformer = model.transformer.to(torch.bfloat16)
    inject(transformer, SELF_ATTENTION, RANK, torch.Generator().manual_seed(0))
    seen = set()
    for layer in transformer.modules():
        if isinstance(layer, torch.nn.Linear) and not layer.weight.requires_grad:
            layer.register_forward_hook(lambda _m, _i, out: seen.add(out.dtype))
    rough = velocity(transformer)
    assert seen == {torch.bfloat16}
    assert (rough.float() - exact).abs().max() < 0.05 * exact.abs().max()


# --- LoRA


def test_our_lora_equals_that_of_peft_in_output_gradient_and_file():
    ours, stock = tiny_model().transformer, tiny_model().transformer
    inject(ours, SELF_ATTENTION, RANK, torch.Generator().manual_seed(0))
    fill(ours)
    stock.add_adapter(
        LoraConfig(r=RANK, lora_alpha=RANK, target_modules=list(SELF_ATTENTION)), "default"
    )
    weights = lora_state_dict(ours)
    filed = get_peft_model_state_dict(stock, adapter_name="default")
    assert {n: v.shape for n, v in filed.items()} == {n: v.shape for n, v in weights.items()}
    with torch.no_grad():
        for name, value in weights.items():
            layer, factor, _ = name.rsplit(".", 2)
            getattr(stock.get_submodule(layer), factor)["default"].weight.copy_(value)
    model, sigmas = tiny_model(), torch.tensor([[0.0, 0.3, 0.3]])
    gradients = []
    for transformer in (ours, stock):
        out = predict_velocity(
            transformer, noise(1, 12, 8), sigmas, model.caption, model.coordinates(*SIZE)
        )
        out.square().mean().backward()
        trained = [p for p in transformer.parameters() if p.requires_grad]
        gradients.append([out.detach(), *(p.grad for p in trained)])
    assert len(gradients[0]) == len(gradients[1]) == 1 + len(weights)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*gradients, strict=True))


def test_peft_reads_our_file(tmp_path):
    ours, stock = tiny_model().transformer, tiny_model().transformer
    inject(ours, SELF_ATTENTION, RANK)
    fill(ours)
    stock.load_lora_adapter(lora_state_dict(ours), prefix=None)
    assert torch.allclose(velocity(ours), velocity(stock), atol=1e-5)


def test_a_fresh_lora_changes_nothing_and_trains_alone():
    transformer = tiny_model().transformer
    before = velocity(transformer)
    parameters = inject(transformer, SELF_ATTENTION, RANK)
    assert torch.equal(velocity(transformer), before)
    trained = {n for n, p in transformer.named_parameters() if p.requires_grad}
    assert len(trained) == len(parameters) == 2 * 2 * len(SELF_ATTENTION)
    assert all(".lora_" in name for name in trained)


def test_a_merged_lora_is_the_same_model_and_an_ejected_one_is_the_base():
    transformer = tiny_model().transformer
    base = velocity(transformer)
    names = {name for name, _ in transformer.named_parameters()}
    inject(transformer, SELF_ATTENTION, RANK)
    fill(transformer)
    adapted = velocity(transformer)
    assert (adapted - base).abs().max() > 1e-3
    set_scale(transformer, 0.0)
    assert torch.allclose(velocity(transformer), base, atol=1e-6)
    eject(transformer)
    assert torch.allclose(velocity(transformer), base, atol=1e-6)
    inject(transformer, SELF_ATTENTION, RANK)
    fill(transformer)
    merge(transformer)
    assert torch.allclose(velocity(transformer), adapted, atol=1e-5)
    assert {name for name, _ in transformer.named_parameters()} == names


def test_several_loras_with_weights_are_one_of_their_summed_rank():
    one, two = tiny_model().transformer, tiny_model().transformer
    inject(one, ("attn1.to_q", "ff.net.2"), 3)
    inject(two, ("attn1.to_q",), 2)
    fill(one, 1)
    fill(two, 2)
    both = combine([lora_state_dict(one), lora_state_dict(two)], [0.5, -2.0])
    expected, made = tiny_model().transformer, tiny_model().transformer
    set_scale(one, 0.5)
    set_scale(two, -2.0)
    for adapted in (one, two):
        merge(adapted)
    base = dict(tiny_model().transformer.named_parameters())
    with torch.no_grad():
        for name, weight in expected.named_parameters():
            for adapted in (one, two):
                weight.add_(adapted.get_parameter(name) - base[name])
    inject(made, ("attn1.to_q", "ff.net.2"), 5)
    load_lora_state_dict(made, both)
    assert torch.allclose(velocity(made), velocity(expected), atol=1e-5)


# --- training


def test_a_step_follows_the_gradient_of_the_loss_at_the_drawn_noise():
    """The same numbers, drawn by hand in the same order, give the same loss and the same step."""
    model = tiny_model()
    parameters = inject(model.transformer, SELF_ATTENTION, RANK)
    fill(model.transformer)
    target, known = clips(1), conditioning(model, clips(2))
    drawn = torch.Generator().manual_seed(5)
    sigmas = core.sample_sigmas(2, drawn, mu=0.4)
    made = in_context_batch(target, torch.randn(target.shape, generator=drawn), sigmas, known)
    expected = flow_loss(model.transformer, made).mean()
    gradients = torch.autograd.grad(expected, parameters)
    before = [p.detach().clone() for p in parameters]
    optimizer = torch.optim.SGD(parameters, lr=0.5)
    loss = train_step(
        model.transformer,
        target,
        known,
        optimizer,
        torch.Generator().manual_seed(5),
        Objective(mu=0.4),
        max_norm=1e9,
    )
    assert loss == pytest.approx(expected.item(), rel=1e-6)
    for parameter, old, gradient in zip(parameters, before, gradients, strict=True):
        assert torch.allclose(parameter, old - 0.5 * gradient, atol=1e-6)


def test_pseudo_huber_counts_small_errors_as_squares_and_large_ones_by_their_size():
    model = tiny_model()
    known, levels = conditioning(model), torch.tensor([0.3, 0.9])
    made = in_context_batch(clips(1), noise(2, 8, *SIZE, seed=4), levels, known)
    got = predict_velocity(
        model.transformer, made.tokens, made.sigmas, made.caption, made.coordinates
    )
    errors = (got - made.target)[:, 4:].abs()  # the first frame is given: 2 x 2 tokens

    def loss(constant: float) -> torch.Tensor:
        return flow_loss(model.transformer, made, constant)

    assert torch.allclose(loss(0.0), errors.square().mean((1, 2)), rtol=1e-5)
    assert torch.allclose(loss(1e-4), errors.mean((1, 2)), rtol=1e-2)
    assert torch.allclose(2 * 30 * loss(30.0), loss(0.0), rtol=2e-2)


def test_some_steps_lower_the_loss():
    model = tiny_model()
    parameters = inject(model.transformer, SELF_ATTENTION, RANK)
    optimizer = torch.optim.AdamW(parameters, lr=0.02)
    target, known = clips(1), conditioning(model, clips(2))

    def held_out() -> float:
        drawn = torch.Generator().manual_seed(1)
        return training_loss(model.transformer, target, known, drawn).mean().item()

    before = held_out()
    for step in range(20):
        train_step(model.transformer, target, known, optimizer, torch.Generator().manual_seed(step))
    assert held_out() < 0.9 * before


def test_a_dropped_reference_leaves_the_target_alone():
    model = tiny_model()
    alone = training_loss(
        model.transformer, clips(1), conditioning(model), torch.Generator().manual_seed(3)
    )
    dropped = training_loss(
        model.transformer,
        clips(1),
        conditioning(model, clips(2)),
        torch.Generator().manual_seed(3),
        Objective(reference_dropout=1.0),
    )
    assert torch.equal(alone, dropped)


# --- sampling


def test_sampling_is_that_of_the_stock_pipeline():
    model = tiny_model(scheduler={"shift": 3.0}, positions="uniform")
    start = noise(2, 8, *SIZE)
    pipe = LTXImageToVideoPipeline(
        vae=model.vae,
        transformer=model.transformer,
        scheduler=model.scheduler,
        text_encoder=None,
        tokenizer=None,
    )
    pipe.set_progress_bar_config(disable=True)
    stock = pipe(
        latents=pack(start),
        prompt_embeds=model.caption.expand(2, -1, -1),
        prompt_attention_mask=torch.ones(2, 1),
        height=32,
        width=32,
        num_frames=9,
        frame_rate=model.frame_rate,
        num_inference_steps=5,
        guidance_scale=1.0,
        output_type="latent",
        return_dict=False,
    )[0]
    sigmas = inference_sigmas(model.scheduler, 5, tokens=12)
    ours = sample(model.transformer, start[:, :, :1], start, sigmas, conditioning(model))
    assert (pack(ours) - stock).abs().max() < 1e-4


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_a_cached_reference_is_the_same_as_one_that_is_computed_at_every_step(guidance):
    model = tiny_model()
    sigmas = inference_sigmas(model.scheduler, 4, tokens=12)
    first = noise(2, 8, 1, 2, 2, seed=7)
    known = conditioning(model, clips(4))
    start = (model.transformer, first, clips(0), sigmas)
    cached, uncached = (sample(*start, known, guidance=guidance, cached=c) for c in (True, False))
    full = sample(*start, conditioning(model, clips(4), layout="full"))
    assert (cached - uncached).abs().max() < 1e-4
    assert (cached - full).abs().max() > 1e-4
    assert torch.equal(cached[:, :, :1], first)


def test_guidance_is_the_difference_that_the_reference_makes():
    """One step from sigma 1 to 0: x - v, with v = pred + s (pred_ref - pred)."""
    model = tiny_model()
    known, first = conditioning(model, clips(4)), clips(7)[:, :, :1]
    levels = torch.tensor([1.0, 0.0])
    none, one, three = (
        sample(model.transformer, first, clips(0), levels, known, guidance=s)
        for s in (0.0, 1.0, 3.0)
    )
    alone = sample(model.transformer, first, clips(0), levels, conditioning(model))
    assert torch.equal(none, alone)
    assert torch.allclose(three, none + 3 * (one - none), atol=1e-5)


def test_the_cache_holds_each_block_once():
    model = tiny_model()
    cache = reference_cache(
        model.transformer, pack(clips(4)), model.caption, model.coordinates(*SIZE)
    )
    assert [k.shape for k in cache.keys] == [(2, 2, 12, 16)] * 2
    assert [v.shape for v in cache.values] == [(2, 2, 12, 16)] * 2
