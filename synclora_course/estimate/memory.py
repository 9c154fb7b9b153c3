"""Memory and time before anything is loaded: the real step, run on tensors without data.

On torch's meta device a model of billions has shapes and no memory. The training step or the
sampling step runs there as it would on a GPU, while every buffer that lives is counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from synclora_course.estimate.metering import count_operations, peak_memory
from synclora_course.estimate.without_data import (
    LTX2,
    Configs,
    Job,
    byte_count,
    ltx2_parts,
    ltx_video_parts,
    model_configs,
)
from synclora_lite.core import inject
from synclora_lite.training.frozen import quantise_blocks

SHALLOW = (2, 3)  # blocks of the transformers that are measured
RUNTIME = 0.8e9  # bytes that CUDA and its libraries take for themselves
BLOCK = 256  # numbers of a moment in 8 bits that share a scale (bitsandbytes)
UTILISATION = 0.4  # of a card's peak rate, reached by large matrix products in practice


@dataclass(frozen=True)
class Estimate:
    """Bytes by part, and floating-point operations of one step."""

    memory: dict[str, float]  # "sampling" and "decoding" come one after the other
    operations: float  # of one training step, or of one sampling step
    tokens: int  # of reference and target of one clip
    parameters: dict[str, int]  # of the transformer, and of the adapter

    @property
    def peak(self) -> float:
        """What is there at the same time, in bytes."""
        spare = min(self.memory.get("sampling", 0.0), self.memory.get("decoding", 0.0))
        return sum(self.memory.values()) - spare

    def seconds(self, teraflops: float) -> float:
        """Return the time of a step on a card with that peak rate, at the usual utilisation."""
        return self.operations / (teraflops * 1e12 * UTILISATION)


def estimate(job: Job) -> Estimate:
    """Estimate one step of a job; ModelError if its model is not known."""
    return measure(model_configs(job.model), job)


def measure(configs: Configs, job: Job) -> Estimate:
    """Estimate one step of a job on a model of such configurations.

    All blocks are alike, so a transformer of two and one of three are measured and the line
    through both is followed to the model's depth.
    """
    depth, (few, more) = configs.transformer["num_layers"], SHALLOW
    if depth <= more:
        return measure_directly(configs, job, depth)
    low, high = (measure_directly(configs, job, layers) for layers in SHALLOW)

    def follow(a: int | float, b: int | float) -> float:
        return a + (b - a) * (depth - few) / (more - few)

    return Estimate(
        {part: follow(low.memory[part], high.memory[part]) for part in low.memory},
        follow(low.operations, high.operations),
        low.tokens,
        {n: round(follow(low.parameters[n], high.parameters[n])) for n in low.parameters},
    )


def measure_directly(configs: Configs, job: Job, layers: int) -> Estimate:
    """Estimate one step of a job on a transformer with so many blocks."""
    dtype = getattr(torch, job.precision)
    parts = (ltx2_parts if configs.ltx2 else ltx_video_parts)(configs, job, layers)
    transformer = parts.transformer
    parameters = {"transformer": sum(p.numel() for p in transformer.parameters())}
    if job.quantise == "int8":
        quantise_blocks(transformer)
    memory = {"runtime": RUNTIME, "transformer": byte_count(transformer)}
    if job.training:
        if job.block_offload:
            memory["block at work"] = byte_count(transformer.transformer_blocks[0])
            memory["transformer"] -= layers * memory["block at work"]
        trained = inject(transformer, parts.targets, job.rank)
        for parameter in trained:  # as they are used: the float32 they are kept in is counted below
            parameter.data = parameter.data.to(dtype)
        if job.checkpointing or job.block_offload:
            transformer.enable_gradient_checkpointing()
        parameters["adapter"] = sum(p.numel() for p in trained)
        count, moments = parameters["adapter"], 2 * (1 + 4 / BLOCK) if job.eight_bit else 8
        copies = 2.0 * (job.precision != "float32")  # it is kept in float32, used in half precision
        memory |= {"adapter": (4.0 + copies) * count, "gradients": 4.0 * count}
        memory |= {"optimiser": moments * count, **parts.beside}
        memory["activations"] = peak_memory(parts.step)
    else:
        memory |= parts.beside
        memory |= {"sampling": peak_memory(parts.step), "decoding": peak_memory(parts.decode)}
    return Estimate(memory, count_operations(parts.step), parts.tokens, parameters)


def advice(job: Job, gigabytes: int | float) -> list[str]:
    """Return what would make a job that does not fit a card smaller, with the peak it leads to.

    For training these are the settings of a run's configuration. The last line is the first
    change that is enough, if there is one.
    """
    lines: list[str] = []
    for words, peak in _changes(job):
        fits = peak <= gigabytes * 1e9
        lines.append(f"{words}: {peak / 1e9:.1f} GB{', fits' if fits else ''}")
        if fits:
            break
    return lines


def _changes(job: Job) -> Iterator[tuple[str, float]]:
    """Yield one change after the other, with the peak in bytes that all so far lead to."""
    ltx2, pixels, rank = job.model == LTX2, job.size * 3 // 4, max(1, job.rank // 4)
    frames, training = max(1, job.frames // 2), job.training
    if ltx2 and not training:
        yield from _offloading(estimate(job))
        return
    waits = "block_offload" if ltx2 else "offload"
    side, count = ("side" if ltx2 else "size"), {"frames": frames}
    changes: dict[str, dict[str, Any]] = {
        "checkpointing = true": {"checkpointing": True},
        'quantise = "int8"': {"quantise": "int8" if ltx2 else job.quantise},
        'optimizer = "adamw8bit"': {"eight_bit": True},
        f"{waits} = true": {waits: True},
        f"rank = {rank}": {"rank": rank},
        f"{side} = {pixels}": {"size": pixels},
        f"frames = {frames}": count,
    }
    if not training:
        changes = {f"{pixels} pixels": {"size": pixels}, f"{frames} frames": count}
    joined = ""
    for name, change in changes.items():
        if (smaller := replace(job, **change)) != job:
            job = smaller
            yield joined + name, estimate(job).peak
            joined = "and "


def _offloading(found: Estimate) -> Iterator[tuple[str, float]]:
    """Yield what of an LTX-2.3 may wait in main memory during an edit.

    `synclora edit` chooses among these by itself, by what the card has free.
    """
    memory, layers = found.memory, model_configs(LTX2).transformer["num_layers"]
    decoding, whole = memory["autoencoder"] + memory["decoding"], memory["transformer"]
    parts = max(whole + memory["sampling"], decoding, memory["connectors"])
    layer = max(whole / layers + memory["sampling"], decoding)
    yield "parts wait in main memory", parts + RUNTIME
    yield "layers wait in main memory (slow)", layer + RUNTIME
