"""Speed and memory of training and editing, with random weights of the size that is asked for.

    python -m benchmarks.full_size --device cuda --record          LTX-Video 2B, 81 frames of 512
    python -m benchmarks.full_size --model ltx-2.3 --device cuda --record          LTX-2.3, likewise
    python -m benchmarks.full_size --model tiny --frames 9 --size 96 --rank 8      seconds on a CPU
    python -m benchmarks.full_size --model tiny-ltx-2.3 --frames 9 --size 64 --rank 8      likewise

For each way to train: seconds per step, peak memory beside what `synclora estimate` says, and the
share of the device's measured rate of matrix products (model FLOP utilisation: operations that
checkpointing repeats do not count). For editing: seconds per sampling step with the reference's
keys and values computed once, and at every step. LTX-2.3 trains with its blocks in 16 or in 8 bits
or waiting in main memory, and edits with the whole sequence; `--minutes` bounds a run, and what was
not reached is said.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTX2VideoTransformer3DModel,
    LTXVideoTransformer3DModel,
)
from torch.profiler import ProfilerActivity, profile

from synclora_course.estimate import Job
from synclora_course.estimate.memory import RUNTIME, measure
from synclora_course.estimate.without_data import KNOWN, Configs, model_configs
from synclora_course.results import write_result
from synclora_course.tiny_ltx import TINY_TRANSFORMER, TINY_VAE
from synclora_course.tiny_ltx2 import TINY_TRANSFORMER as TINY_LTX2
from synclora_course.tiny_ltx2 import TRANSFORMER_23
from synclora_lite.core import flow_loss, in_context_batch, inference_sigmas, inject, sample
from synclora_lite.models import AdapterSettings, I2VModel, add_adapter
from synclora_lite.models.latents import legal_size
from synclora_lite.models.precision import NAMED, fast_dtype
from synclora_lite.training import LoopConfig
from synclora_lite.training.config import LTX2Config
from synclora_lite.training.frozen import place, quantise_blocks
from synclora_lite.training.ltx2 import Context, ltx2_loss
from synclora_lite.training.optimizer import make_optimizers

WARM, TIMED = 2, 5  # steps
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "compiled": {},
    "checkpointing": {"checkpointing": True},
    "smallest": {"checkpointing": True, "eight_bit": True, "offload": True},
}
WAYS_LTX2: dict[str, dict[str, Any]] = {
    "int8": {"quantise": "int8"},
    "bfloat16": {},
    "smallest": {"quantise": "int8", "eight_bit": True, "block_offload": True},
}
TINY = Configs(TINY_VAE, {**TINY_TRANSFORMER, "num_layers": 4})


@dataclass(frozen=True)
class Bench:
    """What is measured, and where."""

    job: Job
    configs: Configs
    device: str
    rate: float  # measured operations per second of large matrix products

    @property
    def dtype(self) -> torch.dtype:
        """Format of the frozen weights."""
        return NAMED[self.job.precision]

    def way(self, settings: dict[str, Any]) -> tuple[Job, LoopConfig]:
        """Return the job of one way to train, and its settings: 8-bit moments if they can be had.

        What is estimated and what is run is the same then.
        """
        job = replace(self.job, **settings)
        job = replace(job, eight_bit=job.eight_bit and find_spec("bitsandbytes") is not None)
        kind: Any = "adamw8bit" if job.eight_bit else "adamw"
        return job, LoopConfig(1, optimizer=kind, precision=job.precision, device=self.device)

    def model(self) -> I2VModel:
        """Make the model with random weights on the device."""
        torch.manual_seed(0)
        with torch.device(self.device):
            vae = AutoencoderKLLTXVideo.from_config(self.configs.vae)
            transformer = LTXVideoTransformer3DModel.from_config(self.configs.transformer)
            channels = transformer.config.caption_channels
            caption = torch.randn(1, self.configs.caption_tokens, channels, dtype=self.dtype)
        for part in (vae, transformer):
            torch.nn.Module.to(part.eval().requires_grad_(requires_grad=False), self.dtype)
        return I2VModel(vae, transformer, FlowMatchEulerDiscreteScheduler(), caption, 25.0)

    def latents(self, model: I2VModel) -> torch.Tensor:
        """Make latents of the job's clips."""
        job, t, s = self.job, model.temporal_ratio, model.spatial_ratio
        frames, height, width = legal_size((job.frames, job.size, job.size), t, s)
        shape = (job.batch, model.vae.config.latent_channels, (frames - 1) // t + 1)
        return torch.randn(*shape, height // s, width // s, device=self.device)


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--model", default="ltx-video-2b", help=f"tiny, {', '.join(KNOWN)}, ltx-2.3"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--frames", type=int, default=81)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rank", type=int, default=128)
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--minutes", type=float, default=8.0, help="start nothing new after these")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Measure, print, and with --record write data/results/full_size_DEVICE.json."""
    wanted = parsed(arguments)
    begun = time.perf_counter()
    precision: Any = str(fast_dtype(wanted.device)).removeprefix("torch.")
    large = wanted.model.endswith("ltx-2.3")
    job = Job(wanted.model, wanted.frames, wanted.size, wanted.rank, precision=precision)
    configs = TINY if wanted.model == "tiny" or large else model_configs(wanted.model)
    bench = Bench(job, configs, wanted.device, matmul_rate(wanted.device, NAMED[precision]))
    values: dict[str, Any] = {"matmul_tflops": bench.rate / 1e12, "job": vars(job)}
    print(f"matrix products: {bench.rate / 1e12:.2f} TFLOP/s in {precision}")
    steps = {way: partial(training, bench, way) for way in wanted.ways}
    steps["editing"] = partial(editing, bench)
    if large:
        steps = {way: partial(training_ltx2, bench, way) for way in WAYS_LTX2}
        steps["editing"] = partial(editing_ltx2, bench)
    ways = WAYS_LTX2 if large else WAYS
    values["optimizer"] = {w: bench.way(ways[w])[1].optimizer for w in steps if w in ways}
    values["training"] = {}
    for way, run in steps.items():
        late = time.perf_counter() - begun > 60 * wanted.minutes
        label = f"{way} {values['optimizer'].get(way, '')}".strip()
        found: Any = "out of time" if late else shown(label, run)
        values |= {"editing": found} if way == "editing" else {}
        values["training"] |= {} if way == "editing" else {way: found}
    if wanted.record:
        name = torch.cuda.get_device_name() if wanted.device.startswith("cuda") else wanted.device
        slug = "".join(letter if letter.isalnum() else "-" for letter in name.lower())
        sizes = f"--frames {job.frames} --size {job.size} --rank {job.rank}"
        chosen = f"--ways {' '.join(wanted.ways)} --device {wanted.device} --record"
        command = f"python -m benchmarks.full_size --model {job.model} {sizes} {chosen}"
        name = f"full_size_{slug}" if not large else f"full_size_ltx2_{slug}"
        write_result(name, values, command=command, seed=0)
    return values


def shown(name: str, measure_one: Callable[[], dict[str, float]]) -> dict[str, float] | str:
    """Measure and print one line; a way that does not fit the card is a result, too."""
    try:
        found = measure_one()
    except torch.OutOfMemoryError:
        print(f"{name:20s} does not fit")
        return "out of memory"
    print(f"{name:20s}", ", ".join(f"{key} {value:.3g}" for key, value in found.items()))
    return found


def training(bench: Bench, way: str) -> dict[str, float]:
    """Return time, memory and utilisation of one way to train."""
    job, config = bench.way(WAYS[way])
    model = bench.model()
    named = add_adapter(model.transformer, AdapterSettings(job.rank))
    for parameter in named:
        parameter.data = parameter.data.float()
    model.transformer.gradient_checkpointing = job.checkpointing
    loss_of = torch.compile(flow_loss) if way == "compiled" else flow_loss
    latents = bench.latents(model)
    if job.offload:
        model.vae.to("cpu")

    def run(steps: int) -> list[float]:
        (optimizer,) = make_optimizers({str(k): p for k, p in enumerate(named)}, config)
        return [timed(bench.device, partial(step, optimizer)) for _ in range(steps)]

    def step(optimizer: torch.optim.Optimizer) -> None:
        levels = torch.rand(len(latents), device=bench.device)
        conditioning = model.conditioning(latents.shape[2:], latents)
        batch = in_context_batch(latents, latents, levels, conditioning)
        loss_of(model.transformer, batch).mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    seconds = statistics.median(run(WARM + TIMED)[WARM:])
    resident = [model.transformer] if job.offload else [model.transformer, model.vae]
    peak = peak_bytes(bench.device, lambda: run(2), resident)
    expected = measure(bench.configs, job)
    once = measure(bench.configs, bench.job).operations
    return {
        "seconds_per_step": seconds,
        "peak_gb": peak / 1e9,
        "estimate_gb": (expected.peak - RUNTIME) / 1e9,
        "estimate_ratio": (expected.peak - RUNTIME) / peak,
        "utilisation": once / seconds / bench.rate,
    }


def training_ltx2(bench: Bench, way: str) -> dict[str, float]:
    """Return time, memory and utilisation of one way to train LTX-2.3."""
    job, config = bench.way({"checkpointing": True, **WAYS_LTX2[way]})
    model, sizes = transformer_ltx2(bench)
    device = torch.device(bench.device)
    if job.quantise == "int8":
        quantise_blocks(model)
    for parameter in inject(model, LTX2Config.targets, job.rank):
        parameter.data = parameter.data.float()
    model.enable_gradient_checkpointing()
    if job.block_offload:
        model.to("cpu")
        place(model, device, stream=True)
    named = {n: p for n, p in model.named_parameters() if p.requires_grad}
    (optimizer,) = make_optimizers(named, config)
    context, clip = inputs_ltx2(bench, model)

    def step() -> None:
        given = torch.ones(1, dtype=torch.bool, device=device)
        sigma = torch.rand(1, device=device)
        noise = torch.randn_like(clip)
        ltx2_loss(model, context, 25.0, clip, clip, noise, sigma, given).mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    seconds = statistics.median([timed(bench.device, step) for _ in range(1 + TIMED)][1:])
    peak = peak_bytes(bench.device, step, [] if job.block_offload else [model])
    expected = measure(sizes, job)
    return {
        "seconds_per_step": seconds,
        "peak_gb": peak / 1e9,
        "estimate_gb": (expected.peak - RUNTIME) / 1e9,
        "estimate_ratio": (expected.peak - RUNTIME) / peak,
        "utilisation": expected.operations / seconds / bench.rate,
    }


@torch.no_grad()
def editing_ltx2(bench: Bench) -> dict[str, float]:
    """Return seconds and memory of one pass over reference and target, without the sound."""
    model, _ = transformer_ltx2(bench)
    context, clip = inputs_ltx2(bench, model)
    sigma, given = torch.ones(1, device=bench.device), torch.ones(1, dtype=torch.bool)
    run = partial(ltx2_loss, model, context, 25.0, clip, clip, clip, sigma, given.to(bench.device))
    seconds = statistics.median([timed(bench.device, run) for _ in range(1 + TIMED)][1:])
    peak = peak_bytes(bench.device, run, [model])
    return {"seconds_per_pass": seconds, "peak_gb": peak / 1e9}


def transformer_ltx2(bench: Bench) -> tuple[LTX2VideoTransformer3DModel, Configs]:
    """Make the transformer with random weights on the device, and return its sizes as well."""
    tiny = TINY_LTX2 if bench.job.model.startswith("tiny") else {}
    sizes = {**TRANSFORMER_23, **tiny}
    torch.manual_seed(0)
    default = torch.get_default_dtype()
    torch.set_default_dtype(bench.dtype)
    try:
        with torch.device(bench.device):
            model = LTX2VideoTransformer3DModel(**sizes)
    finally:
        torch.set_default_dtype(default)
    layers = {"num_layers": len(model.transformer_blocks)}
    return model, Configs({}, {**sizes, **layers}, caption_tokens=1024, ltx2=True)


def inputs_ltx2(bench: Bench, model: LTX2VideoTransformer3DModel) -> tuple[Context, torch.Tensor]:
    """Make a caption's embedding, and latents of the job's clip."""
    config, job = model.config, bench.job
    frames, height, width = legal_size((job.frames, job.size, job.size), 8, 32)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, device=bench.device, dtype=bench.dtype)

    context = Context(
        draw(1, 1024, config.cross_attention_dim),
        draw(1, 1024, config.audio_cross_attention_dim),
        torch.ones(1, 1024, device=bench.device, dtype=bench.dtype),
    )
    shape = (1, config.in_channels, (frames - 1) // 8 + 1, height // 32, width // 32)
    return context, torch.randn(*shape, device=bench.device)


def editing(bench: Bench, steps: int = 4) -> dict[str, float]:
    """Return seconds of a sampling step with and without the reference cache, and memory."""
    model = bench.model()
    latents = bench.latents(model).to(bench.dtype)

    conditioning = model.conditioning(latents.shape[2:], latents)
    sigmas = inference_sigmas(model.scheduler, steps, latents[0, 0].numel())

    def draw(cached: bool) -> None:
        noise = torch.randn_like(latents)
        first = latents[:, :, :1]
        sample(model.transformer, first, noise, sigmas, conditioning, cached=cached)

    seconds = {}
    for cached in (True, False):
        draw(cached)
        seconds[cached] = timed(bench.device, partial(draw, cached)) / steps
    expected = measure(bench.configs, replace(bench.job, training=False))
    without_decoding = sum(v for n, v in expected.memory.items() if n != "decoding") - RUNTIME
    peak = peak_bytes(bench.device, lambda: draw(True), [model.transformer, model.vae])
    return {
        "seconds_per_step_cached": seconds[True],
        "seconds_per_step_uncached": seconds[False],
        "ratio": seconds[False] / seconds[True],
        "peak_gb": peak / 1e9,
        "estimate_gb": without_decoding / 1e9,
        "estimate_ratio": without_decoding / peak,
    }


def timed(device: str, run: Callable[[], object]) -> float:
    """Return the seconds of a call."""
    synchronise(device)
    begun = time.perf_counter()
    run()
    synchronise(device)
    return time.perf_counter() - begun


def peak_bytes(device: str, run: Callable[[], object], resident: list[torch.nn.Module]) -> float:
    """Return the most bytes in use during a call.

    Of a GPU all that its allocator holds; on a CPU what is allocated meanwhile, and the weights
    of the resident parts.
    """
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        run()
        return float(torch.cuda.max_memory_allocated())
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        run()
    events = [e for e in profiled.profiler.kineto_results.events() if e.name() == "[memory]"]
    live = peak = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    before = sum(p.numel() * p.element_size() for part in resident for p in part.parameters())
    return float(before + peak)


def matmul_rate(device: str, dtype: torch.dtype) -> float:
    """Return the operations per second of a large matrix product."""
    side = 8192 if device.startswith("cuda") else 512
    a = torch.randn(side, side, device=device, dtype=dtype)
    best = min(timed(device, lambda: a @ a) for _ in range(10))
    return 2 * side**3 / best


def synchronise(device: str) -> None:
    """Wait for a GPU."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
