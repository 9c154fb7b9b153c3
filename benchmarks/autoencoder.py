"""What the autoencoder gives back: pixels, and cues as MediaPipe reads them.

    python -m benchmarks.autoencoder --record

The clips are the true edits of the exam. Of blocks of 8 x 8 pixels and 4 frames the lite model's
autoencoder keeps 16 components of motion and 176 of the residual; the table says what motion alone
and fewer of the residual would have kept.
Writes data/results/autoencoder_lite.json.
"""

import argparse

import numpy as np
import pandas as pd
import torch

from synclora_course.exam.running import render_case
from synclora_course.results import write_result
from synclora_lite.evaluation.metrics import evaluate_edit
from synclora_lite.models import decode, encode, load_model
from synclora_lite.models.latents import to_frames, to_model_range
from synclora_lite.portraits import held_out

COMPONENTS = (16, 48, 80)


def main() -> None:
    """Encode, decode, compare; print, and with --record store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--record", action="store_true")
    given = parser.parse_args()
    truths = [render_case(case)[1] for case in held_out(0, given.clips)]
    vae = load_model("lite").vae.eval()
    values = {"clips": len(truths), "channels": vae.config.latent_channels}
    for count in (*COMPONENTS, vae.config.latent_channels):
        compared = [evaluate_edit(truth, truth, through(vae, truth, count)) for truth in truths]
        table = pd.DataFrame(compared).filter(regex=r"^(psnr|sync|blink_f1|pearson\..*)$")
        means = {name: round(float(v), 4) for name, v in table.mean().items()}
        values |= {f"{count}.{name}": value for name, value in means.items()}
        print(count, means, flush=True)
    if given.record:
        command = f"python -m benchmarks.autoencoder --clips {given.clips} --record"
        write_result("autoencoder_lite", values, command=command, seed=0)


@torch.no_grad()
def through(vae: torch.nn.Module, clip: np.ndarray, count: int) -> np.ndarray:
    """Return a clip of whose later latents only the first channels are kept."""
    latents = encode(vae, to_model_range(torch.from_numpy(np.asarray(clip))[None]))
    latents[:, count:, 1:] = 0
    return to_frames(decode(vae, latents))[0].numpy()


if __name__ == "__main__":
    main()
