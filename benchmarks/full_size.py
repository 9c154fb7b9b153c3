"""Speed and memory of training and editing, with random weights of the size that is asked for.

    python -m benchmarks.full_size --device cuda --record          LTX-Video 2B, 81 frames of 512
    python -m benchmarks.full_size --model tiny --frames 9 --size 96 --rank 8      seconds on a CPU

For each way to train: seconds per step, peak memory beside what `synclora estimate` says, and the
share of the device's measured rate of matrix products (model FLOP utilisation: operations that
checkpointing repeats do not count). For editing: seconds per sampling step with the reference's
keys and values computed once, and at every step.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXVideoTransformer3DModel,
)
from torch.profiler import ProfilerActivity, profile

from synclora_lite.files import write_result
from synclora_lite.i2v import I2VModel, denoise
from synclora_lite.i2v.latents import legal_size
from synclora_lite.i2v.precision import fast_dtype
from synclora_lite.i2v.presets import TINY_TRANSFORMER, TINY_VAE
from synclora_lite.incontext import AdapterSettings, add_adapter, assemble, flow_loss
from synclora_lite.training import Job, LoopConfig
from synclora_lite.training.estimate import KNOWN, RUNTIME, Configs, measure, model_configs
from synclora_lite.training.optimizer import make_optimizers
from synclora_lite.training.precision import NAMED, autocast

WARM, TIMED = 2, 5  # steps
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "compiled": {},
    "checkpointing": {"checkpointing": True},
    "smallest": {"checkpointing": True, "eight_bit": True, "offload": True},
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


def main() -> None:
    """Measure, print, and with --record write data/results/full_size_DEVICE.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="ltx-video-2b", help=f"tiny, {', '.join(KNOWN)}, folder")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--frames", type=int, default=81)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rank", type=int, default=128)
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--record", action="store_true")
    wanted = parser.parse_args()
    precision: Any = str(fast_dtype(wanted.device)).removeprefix("torch.")
    job = Job(wanted.model, wanted.frames, wanted.size, wanted.rank, precision=precision)
    configs = TINY if wanted.model == "tiny" else model_configs(wanted.model)
    bench = Bench(job, configs, wanted.device, matmul_rate(wanted.device, NAMED[precision]))
    values: dict[str, Any] = {"matmul_tflops": bench.rate / 1e12, "job": vars(job)}
    print(f"matrix products: {bench.rate / 1e12:.2f} TFLOP/s in {precision}")
    values["training"] = {way: shown(way, partial(training, bench, way)) for way in wanted.ways}
    values["editing"] = shown("editing", partial(editing, bench))
    if wanted.record:
        name = torch.cuda.get_device_name() if wanted.device.startswith("cuda") else wanted.device
        slug = "".join(letter if letter.isalnum() else "-" for letter in name.lower())
        sizes = f"--frames {job.frames} --size {job.size} --rank {job.rank}"
        ways = f"--ways {' '.join(wanted.ways)} --device {wanted.device} --record"
        command = f"python -m benchmarks.full_size --model {job.model} {sizes} {ways}"
        write_result(f"full_size_{slug}", values, command=command, seed=0)


def shown(name: str, measure_one: Callable[[], dict[str, float]]) -> dict[str, float] | str:
    """Measure and print one line; a way that does not fit the card is a result, too."""
    try:
        found = measure_one()
    except torch.OutOfMemoryError:
        print(f"{name:14s} does not fit")
        return "out of memory"
    print(f"{name:14s}", ", ".join(f"{key} {value:.3g}" for key, value in found.items()))
    return found


def training(bench: Bench, way: str) -> dict[str, float]:
    """Return time, memory and utilisation of one way to train."""
    job = replace(bench.job, **WAYS[way])
    kind = "adamw8bit" if job.eight_bit else "adamw"
    config = LoopConfig(1, optimizer=kind, precision=job.precision, device=bench.device)  # type: ignore[arg-type]
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
        with autocast(config):
            sequence = assemble(model, latents, latents, levels, reference=latents)
            loss = loss_of(model, sequence).mean()
        loss.backward()
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


def editing(bench: Bench, steps: int = 4) -> dict[str, float]:
    """Return seconds of a sampling step with and without the reference cache, and memory."""
    model = bench.model()
    latents = bench.latents(model).to(bench.dtype)

    def sample(cached: bool) -> None:
        denoise(
            model,
            latents[:, :, :1],
            reference=latents,
            cached=cached,
            steps=steps,
            layout="reference-self",
        )

    seconds = {}
    for cached in (True, False):
        sample(cached)
        seconds[cached] = timed(bench.device, partial(sample, cached)) / steps
    expected = measure(bench.configs, replace(bench.job, training=False))
    without_decoding = sum(v for n, v in expected.memory.items() if n != "decoding") - RUNTIME
    peak = peak_bytes(bench.device, lambda: sample(True), [model.transformer, model.vae])
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
