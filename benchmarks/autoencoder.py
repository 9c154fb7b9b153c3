"""What the autoencoder gives back: pixels, and cues as MediaPipe reads them.

    python -m benchmarks.autoencoder --record

The clips are the true edits of the exam. Of blocks of 8 x 8 pixels and 4 frames the lite model's
autoencoder keeps 16 components of motion and 176 of the residual; the table says what motion alone
and fewer of the residual would have kept. Then latents that the model drew beside a source, with
the adapter and without, are decoded alone and beside it.
Writes data/results/autoencoder_lite.json.
"""

import argparse

import numpy as np
import pandas as pd
import torch

from synclora_course.exam.conditions import Challenge, set_case
from synclora_course.results import write_result
from synclora_lite.editing.ltx_video import LTXVideo, load_ltx_video
from synclora_lite.editing.methods import Window
from synclora_lite.evaluation.metrics import evaluate_edit
from synclora_lite.models import decode, denoise, encode, load_model
from synclora_lite.models.latents import to_frames, to_model_range
from synclora_lite.portraits import held_out

COMPONENTS = (16, 48, 80)


def main() -> None:
    """Encode, decode, compare; print, and with --record store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--record", action="store_true")
    given = parser.parse_args()
    tasks = [set_case(case, seed=k) for k, case in enumerate(held_out(0, given.clips))]
    truths = [task.truth for task in tasks]
    vae = load_model("lite").vae.eval()
    values = {"clips": len(truths), "channels": vae.config.latent_channels}
    for count in (*COMPONENTS, vae.config.latent_channels):
        compared = [evaluate_edit(truth, truth, through(vae, truth, count)) for truth in truths]
        table = pd.DataFrame(compared).filter(regex=r"^(psnr|sync|blink_f1|pearson\..*)$")
        means = {name: round(float(v), 4) for name, v in table.mean().items()}
        values |= {f"{count}.{name}": value for name, value in means.items()}
        print(count, means, flush=True)
    for name, adapter in {"base-reference": None, "sync-lora": "lite-adapter"}.items():
        editor, rows = load_ltx_video("lite", adapter), list[dict[str, dict[str, float | None]]]()
        for k, task in enumerate(tasks):
            rows.append(both_ways(editor, task, seed=k))
        for way in rows[0]:
            table = pd.DataFrame([row[way] for row in rows])[["sync", "edit_kept", "psnr"]]
            means = {metric: round(float(v), 4) for metric, v in table.mean().items()}
            values |= {f"{name}.{way}.{metric}": value for metric, value in means.items()}
            print(name, way, means, flush=True)
    if given.record:
        command = f"python -m benchmarks.autoencoder --clips {given.clips} --record"
        write_result("autoencoder_lite", values, command=command, seed=0)


@torch.no_grad()
def through(vae: torch.nn.Module, clip: np.ndarray, count: int) -> np.ndarray:
    """Return a clip of whose later latents only the first channels are kept."""
    latents = encode(vae, to_model_range(torch.from_numpy(np.asarray(clip))[None]))
    latents[:, count:, 1:] = 0
    return to_frames(decode(vae, latents))[0].numpy()


@torch.no_grad()
def both_ways(editor: LTXVideo, task: Challenge, seed: int) -> dict[str, dict[str, float | None]]:
    """Draw an edit beside its source, and measure it decoded alone and beside it."""
    window = Window(task.source.frames, task.first_frame, editor, editor.model.steps, seed)
    given = editor.model, window.first, window.noise()
    made = denoise(*given, steps=window.steps, reference=window.source)
    ways = {"alone": editor.decode(made), "beside": window.decoded(made)}
    return {way: evaluate_edit(task.source.frames, task.truth, clip) for way, clip in ways.items()}


if __name__ == "__main__":
    main()
