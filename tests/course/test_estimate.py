"""Estimates: exact where they can be, and close to what a real step takes from the allocator."""

import gc
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
import typer
from diffusers import LTX2VideoTransformer3DModel
from torch.profiler import ProfilerActivity, profile
from typer.testing import CliRunner

from synclora_course.estimate import Job, advice, estimate
from synclora_course.estimate.memory import RUNTIME, measure, measure_directly
from synclora_course.estimate.metering import count_operations, peak_memory
from synclora_course.estimate.without_data import Configs, model_configs
from synclora_course.tiny_ltx import TINY_TRANSFORMER, TINY_VAE, create_model
from synclora_course.tiny_ltx2 import TINY_TRANSFORMER as TINY_TRANSFORMER_2
from synclora_course.tiny_ltx2 import TRANSFORMER_23
from synclora_lite.cli import COMMANDS
from synclora_lite.core import flow_loss, in_context_batch, inject
from synclora_lite.errors import ModelError
from synclora_lite.files import write_json
from synclora_lite.models import AdapterSettings, add_adapter, load_model, save_model
from synclora_lite.training.config import LTX2Config
from synclora_lite.training.frozen import quantise_blocks
from synclora_lite.training.ltx2 import Context, ltx2_loss

WIDE = {"num_attention_heads": 4, "attention_head_dim": 32, "cross_attention_dim": 128}
DEEP = {**TINY_TRANSFORMER, **WIDE, "num_layers": 5}


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    folder = save_model(create_model(TINY_VAE, DEEP), tmp_path_factory.mktemp("m") / "deep")
    return Job(str(folder), frames=9, size=96, rank=8, precision="float32")


def allocated(run):
    """Return the most bytes that PyTorch's allocator handed out at one time during `run`."""
    gc.collect()  # or what earlier tests left behind is freed during the run, and counted
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        run()
    found = profiled.profiler.kineto_results.events()
    events = [(e.start_ns(), e.nbytes()) for e in found if e.name() == "[memory]"]
    live = peak = 0
    for _, change in sorted(events, key=lambda event: event[0]):
        live += change
        peak = max(peak, live)
    return peak


def test_the_peak_is_what_lives_at_one_time():
    def run():
        first = torch.empty(1000, device="meta")
        second = first + first  # 8000 bytes
        del first
        return second * 2  # 8000 again: the first is gone

    assert peak_memory(run) == 8000
    assert peak_memory(lambda: torch.empty(10, device="meta").view(5, 2).t()) == 40


def test_operations_of_a_matrix_product_are_counted():
    a, b = torch.empty(3, 4, device="meta"), torch.empty(4, 5, device="meta")
    assert count_operations(lambda: a @ b) == 2 * 3 * 4 * 5


def test_attention_counts_as_the_products_that_it_consists_of():
    queries, keys = torch.ones(2, 3, 5, 8, requires_grad=True), torch.ones(2, 3, 7, 8)
    product = 2 * (2 * 3 * 5 * 7 * 8)  # with the keys; with the values as many again

    def attend():
        return F.scaled_dot_product_attention(queries, keys, keys).sum()

    assert count_operations(attend) == 2 * product
    assert count_operations(lambda: attend().backward()) > 2 * product


@pytest.mark.parametrize("checkpointing", [True, False])
def test_the_estimate_is_what_training_takes_from_the_allocator(job, checkpointing, monkeypatch):
    """Two steps with the optimiser, and the fused attention that the estimate is about."""
    monkeypatch.setattr("synclora_lite.core.attention.WRITTEN_OUT", 0)
    model = create_model(TINY_VAE, DEEP)
    trained = add_adapter(model.transformer, AdapterSettings(rank=job.rank))
    model.transformer.gradient_checkpointing = checkpointing
    optimizer = torch.optim.AdamW(trained, fused=True)
    latents = torch.randn(1, 8, 3, 6, 6)

    def step():
        sequence = in_context_batch(
            latents, latents, torch.rand(1), model.conditioning(latents.shape[2:], latents)
        )
        flow_loss(model.transformer, sequence).mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    real = allocated(lambda: [step() for _ in range(2)])
    found = estimate(replace(job, checkpointing=checkpointing)).memory
    expected = sum(found[part] for part in ("activations", "gradients", "optimiser"))
    assert expected == pytest.approx(real, rel=0.1)


class FusedNorm(torch.autograd.Function):
    """What a GPU's kernel keeps: the input and one number per token."""

    @staticmethod
    def forward(ctx, x, weight, eps):
        scale = torch.rsqrt(x.float().square().mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, scale)
        ctx.weight = 1 if weight is None else weight
        return (x * scale).to(x.dtype) * ctx.weight

    @staticmethod
    def backward(ctx, gradient):
        x, scale = ctx.saved_tensors
        g, n = gradient * ctx.weight, x * scale
        return (scale * (g - n * (g * n).mean(-1, keepdim=True))).to(x.dtype), None, None


def test_the_estimate_holds_under_autocast_with_a_base_in_bfloat16(job, monkeypatch):
    found = estimate(replace(job, precision="bfloat16")).memory
    copies = found["adapter"] / 3  # two of six bytes
    expected = found["activations"] + found["gradients"] + copies
    monkeypatch.setattr("synclora_lite.core.attention.attend", F.scaled_dot_product_attention)
    monkeypatch.setattr(F, "rms_norm", lambda x, _, weight, eps: FusedNorm.apply(x, weight, eps))
    model = create_model(TINY_VAE, DEEP)
    model.transformer.bfloat16()
    model = replace(model, caption=model.caption.bfloat16())
    for parameter in add_adapter(model.transformer, AdapterSettings(rank=job.rank)):
        parameter.data = parameter.data.float()
    latents = torch.randn(1, 8, 3, 6, 6)

    def step():
        with torch.autocast("cpu", torch.bfloat16):
            sequence = in_context_batch(
                latents, latents, torch.rand(1), model.conditioning(latents.shape[2:], latents)
            )
            loss = flow_loss(model.transformer, sequence).mean()
        loss.backward()

    assert expected == pytest.approx(allocated(step), rel=0.1)


# --- real sizes


@pytest.mark.parametrize("training", [True, False])
def test_at_real_size_following_the_line_equals_measuring_all_blocks(training):
    job = Job("ltx-video-2b", training=training, checkpointing=True)
    followed = estimate(job)
    direct = measure_directly(model_configs(job.model), job, 28)
    assert followed.parameters == direct.parameters
    assert followed.peak - RUNTIME == pytest.approx(direct.peak - RUNTIME, rel=0.02)
    assert followed.operations == pytest.approx(direct.operations)
    assert followed.tokens == 2 * 11 * 16 * 16


def test_counts_at_real_size_are_what_arithmetic_says():
    """LTX-Video 2B: 28 blocks of width 2048, feed-forward of four times that, rank 128."""
    job, width, layers = Job("ltx-video-2b"), 2048, 28
    found = estimate(job)
    adapter = layers * job.rank * (4 * 2 * width + 2 * 5 * width)
    assert found.parameters["adapter"] == adapter
    assert found.memory["transformer"] == 2 * found.parameters["transformer"]
    # a block: four square products of attention, two of cross-attention, feed-forward of eight
    tokens = found.tokens
    products = 2 * tokens * layers * (4 + 2 + 8) * width**2
    factors = 2 * tokens * adapter
    # every target token looks at all tokens, every reference token at the reference
    attention = 4 * layers * width * (tokens / 2 * tokens + (tokens / 2) ** 2)
    forward = products + factors + attention
    backward = products + 2 * factors + 2 * attention  # frozen weights need no gradient
    assert found.operations == pytest.approx(forward + backward, rel=0.01)


def test_the_lite_model_is_estimated_with_its_own_autoencoder():
    found = estimate(Job(model="lite", frames=17, size=96, rank=64))
    vae = load_model("lite").vae
    assert found.tokens == 2 * 5 * 12 * 12
    assert found.memory["autoencoder"] == pytest.approx(
        sum(2 * value.numel() for value in vae.parameters()), rel=0.01
    )


def test_the_known_models_have_their_size():
    for name, billions in (("ltx-video-2b", 1.92), ("ltx-video-13b", 13.0)):
        found = estimate(Job(name, frames=9, size=64, training=False))
        assert found.parameters["transformer"] / 1e9 == pytest.approx(billions, rel=0.02)


def test_the_smallest_settings_train_2b_in_16_gb_and_plain_ones_with_checkpointing_in_24():
    plain = Job("ltx-video-2b", checkpointing=True)
    assert estimate(plain).peak < 16e9
    small = replace(plain, eight_bit=True, offload=True)
    assert estimate(small).peak < estimate(plain).peak


def test_an_edit_with_ltx2_3_is_estimated_and_parts_wait_where_they_must():
    job = Job("ltx-2.3", training=False)
    found = estimate(job)
    with torch.device("meta"):
        whole = LTX2VideoTransformer3DModel(**TRANSFORMER_23)
    assert found.parameters["transformer"] == sum(p.numel() for p in whole.parameters())
    assert found.tokens == 2 * 11 * 16 * 16
    assert found.peak > found.memory["transformer"]
    parts, layers = advice(job, 24.0)
    assert parts.startswith("parts wait in main memory: ")
    assert layers.endswith("fits")
    assert advice(job, 48.0)[-1].startswith("parts wait")


@pytest.mark.parametrize("quantise", ["none", "int8"])
def test_the_estimate_of_ltx2_3_is_what_its_training_takes_from_the_allocator(quantise):
    """A small transformer of the class: two steps of the recipe's own loss with the optimiser."""
    sizes = {**TRANSFORMER_23, **TINY_TRANSFORMER_2, "attention_head_dim": 64,
             "cross_attention_dim": 128}  # fmt: skip
    depth = 4
    transformer = LTX2VideoTransformer3DModel(**{**sizes, "num_layers": depth})
    if quantise == "int8":
        quantise_blocks(transformer)
    trained = inject(transformer, LTX2Config.targets, 8)
    transformer.enable_gradient_checkpointing()
    optimizer = torch.optim.AdamW(trained, fused=True)
    context = Context(torch.randn(1, 1024, 128), torch.randn(1, 1024, 16), torch.ones(1, 1024))
    clip = torch.randn(1, 8, 2, 8, 8)

    def step():
        given = torch.ones(1, dtype=torch.bool)
        loss = ltx2_loss(transformer, context, 25.0, clip, clip, clip, torch.rand(1), given)
        loss.mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    real = allocated(lambda: [step() for _ in range(2)])
    job = Job("ltx-2.3", 9, 256, rank=8, checkpointing=True, precision="float32",
              quantise=quantise)  # fmt: skip
    found = measure(Configs({}, {**sizes, "num_layers": depth}, 1024, ltx2=True), job)
    expected = sum(found.memory[part] for part in ("activations", "gradients", "optimiser"))
    assert expected == pytest.approx(real, rel=0.15)
    assert found.memory["transformer"] == pytest.approx(
        sum(p.numel() * p.element_size() for p in transformer.parameters() if not p.requires_grad)
    )


def test_ltx2_3_trains_on_cards_from_12_to_80_gb():
    """Which switches are enough for which card, on the meta device at full size."""
    whole = Job("ltx-2.3", checkpointing=True)
    coded = replace(whole, quantise="int8")
    small = replace(coded, block_offload=True, eight_bit=True, rank=32, size=384)
    peaks = [estimate(job).peak / 1e9 for job in (whole, coded, small)]
    for peak, card in zip(peaks, (80, 48, 12), strict=True):
        assert peak < card
    (line,) = advice(replace(whole, checkpointing=False), 80)
    assert line == f"checkpointing = true: {peaks[0]:.1f} GB, fits"


# --- advice and the command


def test_every_switch_saves_what_it_is_for(job):
    plain = estimate(job).memory
    for switch, part in (
        ({"checkpointing": True}, "activations"),
        ({"eight_bit": True}, "optimiser"),
        ({"offload": True}, "autoencoder"),
        ({"precision": "bfloat16"}, "transformer"),
    ):
        assert estimate(replace(job, **switch)).memory[part] < 0.75 * plain[part]


def test_the_command_prints_parts_and_what_to_switch(job):
    app = typer.Typer()
    app.command()(COMMANDS["estimate"][0])
    options = ["--model", job.model, "--frames", "9", "--size", "32"]
    result = CliRunner().invoke(app, [*options, "--edit", "--gpu", "0.1"])
    assert result.exit_code == 0, result.output
    assert "reference cache" in result.output
    assert "It does not fit. What helps:\n  24 pixels: " in result.output
    assert "It fits." in CliRunner().invoke(app, [*options, "--gpu", "8"]).output


def test_advice_ends_with_what_fits(job):
    need = estimate(replace(job, checkpointing=True, eight_bit=True)).peak / 1e9
    lines = advice(job, need + 1e-9)
    assert [line.split(":")[0] for line in lines] == [
        "checkpointing = true",
        'and optimizer = "adamw8bit"',
    ]
    assert lines[-1].endswith("fits")
    assert not lines[0].endswith("fits")


def test_a_folder_without_sizes_has_those_of_diffusers_and_a_broken_one_is_named(tmp_path):
    folder = save_model(create_model(TINY_VAE, TINY_TRANSFORMER), tmp_path / "model")
    write_json(folder / "transformer" / "config.json", {})
    assert model_configs(str(folder)).transformer["num_layers"] == 28
    for broken in (
        [],
        {"num_layers": 10**9},
        {"num_layers": "many"},
        {"num_layers": 1, "num_attention_heads": -1},
    ):
        write_json(folder / "transformer" / "config.json", broken)
        with pytest.raises(ModelError, match="model"):
            estimate(Job(str(folder)))
    write_json(folder / "model_index.json", {"_class_name": "LTX2ImageToVideoPipeline"})
    with pytest.raises(ModelError, match=r"is an LTX-2 model; .*say --model ltx-2\.3 for"):
        estimate(Job(str(folder)))
