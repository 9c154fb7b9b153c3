"""Editing one lite clip: with the reference cache and without it, and the whole edit.

    python -m benchmarks.editing_speed --record     two minutes; a quiet machine, please
    python -m benchmarks.editing_speed --quick      seconds, on a tiny random model

The clip is data/clips/hat.mp4 with its edited first frame. "cached" computes the reference's keys
and values once, "masked" takes the reference through every step beside the target, which it may
not see. Both give the same latents, and how far they are apart is stored. An edit is encoding,
20 steps and decoding, with the model loaded; "edit_video" is what `synclora edit` runs before it
scores and writes, with the checks of the input. All take turns within one run; the peak of memory
is that of a process which loads the model and edits.
Writes data/results/editing_speed.json.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.measuring import Seconds, child, faster, in_turn, peak_resident, spread, tidy
from synclora_course.results import write_result
from synclora_course.tiny_ltx import tiny_model
from synclora_lite import core
from synclora_lite.core import inference_sigmas
from synclora_lite.editing import EditSettings, LTXVideo, SyncLoraPipeline, edit_video
from synclora_lite.editing.domain import Domain, save_domain
from synclora_lite.editing.ltx_video import Latents, load_ltx_video
from synclora_lite.editing.settings import tuned_options
from synclora_lite.files import data_dir
from synclora_lite.models import AdapterSettings, add_adapter, decode, save_adapter, save_model
from synclora_lite.models.folders import model_folder
from synclora_lite.video import Clip, read_clip, read_image

SEED = 0
WAYS = ("cached", "masked")


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        model: "lite" or a folder.
        adapter: "lite-adapter" or a folder.
        steps: Of sampling.
        rounds: How often each variant is timed.
        threads: Of every variant.

    """

    model: str = "lite"
    adapter: str = "lite-adapter"
    steps: int = 20
    rounds: int = 9
    threads: int = 2

    def editor(self) -> LTXVideo:
        """Load what edits."""
        torch.set_num_threads(self.threads)
        return load_ltx_video(self.model, self.adapter)


def main() -> None:
    """Measure, print, and with --record store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=Plan.model)
    parser.add_argument("--adapter", default=Plan.adapter)
    parser.add_argument("--steps", type=int, default=Plan.steps)
    parser.add_argument("--rounds", type=int, default=Plan.rounds)
    parser.add_argument("--threads", type=int, default=Plan.threads)
    parser.add_argument("--quick", action="store_true", help="a tiny model; metrics mean nothing")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--peak", choices=["imports", "edit"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    plan = Plan(args.model, args.adapter, args.steps, args.rounds, args.threads)
    if args.peak:
        print(json.dumps(peak(args.peak, plan)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        values = tidy(measure(quick(Path(scratch)) if args.quick else plan))
    show(values)
    if args.record and not args.quick:
        sizes = f"--steps {plan.steps} --rounds {plan.rounds} --threads {plan.threads}"
        names = f"--model {plan.model} --adapter {plan.adapter}"
        command = f"python -m benchmarks.editing_speed {names} {sizes} --record"
        write_result("editing_speed", values, command=command, seed=SEED)


def quick(scratch: Path) -> Plan:
    """Return a plan of seconds, with a tiny model that takes any clip."""
    model = tiny_model()
    folder = save_model(model, scratch / "tiny")
    save_domain(Domain(side=96, frames=17, limit=100.0), folder)
    settings = AdapterSettings(rank=4)
    for weight in add_adapter(model.transformer, settings):
        torch.nn.init.normal_(weight, std=0.02, generator=torch.Generator().manual_seed(SEED))
    adapter = save_adapter(model.transformer, settings, scratch / "adapter")
    return Plan(str(folder), str(adapter), steps=3, rounds=2, threads=1)


def measure(plan: Plan, peaks: tuple[str, ...] = ("imports", "edit")) -> dict[str, Any]:
    """Return all metrics of a plan."""
    editor = plan.editor()
    clip, first = example()
    source, anchor = editor.encode(clip.frames), editor.encode(first[None])
    made = {way: sample(editor, source, anchor, plan, way == "cached") for way in WAYS}
    seconds = in_turn(variants(editor, clip, first, plan), plan.rounds)
    return {
        "job": job_facts(editor, source, plan),
        "difference": differences(editor, *made.values()),
        "seconds": {name: spread(found) for name, found in seconds.items()},
        "speedup": {
            part: faster(seconds, f"{part}, cached", f"{part}, masked")
            for part in ("sampling", "edit")
        },
        "parts": parts(seconds),
        "peak_mb": {name: peak_of(name, plan) for name in peaks},
    }


def example() -> tuple[Clip, np.ndarray]:
    """Return the shipped clip and its edited first frame."""
    clips = data_dir() / "clips"
    clip = read_clip(clips / "hat.mp4")
    return replace(clip, frames=clip.frames.copy()), read_image(clips / "hat-edited.png").copy()


def sample(
    editor: LTXVideo,
    source: Latents,
    anchor: Float[Tensor, "1 channels 1 latent_height latent_width"],
    plan: Plan,
    cached: bool,
) -> Latents:
    """Sample an edit's latents in one of the two ways, without guidance beyond the reference."""
    model, adapter = editor.model, editor.adapter
    assert adapter is not None
    size = source.shape[2:]
    conditioning = model.conditioning(size, source, adapter.layout)
    noise = torch.randn(source.shape, generator=torch.Generator().manual_seed(SEED))
    sigmas = inference_sigmas(model.scheduler, plan.steps, size.numel())
    return core.sample(model.transformer, anchor, noise, sigmas, conditioning, cached=cached)


def variants(
    editor: LTXVideo, clip: Clip, first: np.ndarray, plan: Plan
) -> dict[str, Callable[[], object]]:
    """Return what takes turns."""
    source, anchor = editor.encode(clip.frames), editor.encode(first[None])

    def edit(cached: bool) -> np.ndarray:
        given, start = editor.encode(clip.frames), editor.encode(first[None])
        return editor.decode(sample(editor, given, start, plan, cached), (clip.frames, given))

    return {
        "sampling, cached": lambda: sample(editor, source, anchor, plan, True),
        "sampling, masked": lambda: sample(editor, source, anchor, plan, False),
        "edit, cached": lambda: edit(True),
        "edit, masked": lambda: edit(False),
        "encoding": lambda: (editor.encode(clip.frames), editor.encode(first[None])),
        "decoding": lambda: editor.decode(source, (clip.frames, source)),
        "edit_video": lambda: whole(editor, clip, first, plan),
    }


def whole(editor: LTXVideo, clip: Clip, first: np.ndarray, plan: Plan) -> object:
    """Edit as `synclora edit` does, with the settings that were tuned for the model."""
    settings = EditSettings(steps=plan.steps, seed=SEED)
    tuned = tuned_options(model_folder(plan.model))
    return edit_video(clip, first, settings, SyncLoraPipeline(editor, tuned))


@torch.no_grad()
def differences(editor: LTXVideo, cached: Latents, masked: Latents) -> dict[str, float]:
    """Return the largest differences of latents, and of decoded frames on a scale from -1 to 1."""
    videos = [decode(editor.model, latents) for latents in (cached, masked)]
    return {
        "latents": (cached - masked).abs().max().item(),
        "frames": (videos[0] - videos[1]).abs().max().item(),
    }


def job_facts(editor: LTXVideo, source: Latents, plan: Plan) -> dict[str, Any]:
    """Return what an edit is made of."""
    config = editor.model.transformer.config
    return {
        "steps": plan.steps,
        "frames": editor.domain.frames,
        "side": editor.domain.side,
        "tokens": source[0, 0].numel(),
        "latent_channels": source.shape[1],
        "width": config.cross_attention_dim,
        "layers": config.num_layers,
        "tuned": tuned_options(model_folder(plan.model)).get("sync-lora", {}),
        "threads": plan.threads,
        "rounds": plan.rounds,
    }


def parts(seconds: Seconds) -> dict[str, float]:
    """Return the share of each part in an edit with the cache."""
    median = {name: spread(found)["median"] for name, found in seconds.items()}
    names = ("encoding", "sampling, cached", "decoding")
    return {name: median[name] / sum(median[part] for part in names) for name in names}


def peak_of(name: str, plan: Plan) -> float:
    """Return the peak of a process that edits, or of one that only imports."""
    places = ("--model", plan.model, "--adapter", plan.adapter)
    sizes = ("--steps", str(plan.steps), "--threads", str(plan.threads))
    return float(child("benchmarks.editing_speed", *places, *sizes, "--peak", name)["peak_mb"])


def peak(name: str, plan: Plan) -> dict[str, float]:
    """Edit in this process, and return its peak."""
    if name == "edit":
        whole(plan.editor(), *example(), plan)
    return {"peak_mb": peak_resident()}


def show(values: dict[str, Any]) -> None:
    """Print a table."""
    print(", ".join(f"{name} {value}" for name, value in values["job"].items()))
    for name, found in values["seconds"].items():
        print(f"{name:16s} {found['median']:6.3f} s ({found['low']:.3f} - {found['high']:.3f})")
    for part, found in values["speedup"].items():
        print(f"{part}: cached {found['median']:.2f} times as fast")
    print(
        "of an edit:", ", ".join(f"{part} {share:.0%}" for part, share in values["parts"].items())
    )
    print("apart by at most", ", ".join(f"{v:.1g} ({n})" for n, v in values["difference"].items()))
    print("peak:", ", ".join(f"{name} {value:.0f} MB" for name, value in values["peak_mb"].items()))


if __name__ == "__main__":
    main()
