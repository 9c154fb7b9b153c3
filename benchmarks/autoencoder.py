"""What the autoencoder gives back: pixels, and cues as MediaPipe reads them.

    python benchmarks/autoencoder.py --model lite --record
    python benchmarks/autoencoder.py --model runs/autoencoder-1/final

The clips are the true edits of the exam. Beside it stand principal components of blocks as large
as a latent's place, found on training clips: what a linear map keeps with so many numbers.
Writes data/results/autoencoder_MODEL.json.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from diffusers import AutoencoderKLLTXVideo

from synclora_lite.evaluation.exam import render_case
from synclora_lite.evaluation.judging import judge
from synclora_lite.files import write_result
from synclora_lite.i2v import decode, encode, load_model, load_part
from synclora_lite.pairs.bank import training_case
from synclora_lite.portraits import held_out, render_batch
from synclora_lite.training.latents import to_frames, to_model_range
from synclora_lite.training.principal import blocks, principal

COMPONENTS = (64, 128, 192, 256)


def main() -> None:
    """Encode, decode, judge; print, and with --record store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="lite", help="a model, or the folder of an autoencoder")
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(2)
    vae = load_vae(args.model)
    cases = held_out(args.seed, args.clips, 17)
    truths = [np.array(render_case(case)[1]) for case in cases]
    outputs = [through(vae, truth) for truth in truths]
    rows = [judge(t, t, o) for t, o in zip(truths, outputs, strict=True)]
    values = {"clips": len(rows), "channels": vae.config.latent_channels, **means(rows)}
    values |= {f"linear_{n}": round(v, 2) for n, v in linear(truths, COMPONENTS).items()}
    for name, value in values.items():
        print(f"{name:20} {value}")
    if args.record:
        command = f"python benchmarks/autoencoder.py --model {args.model} --clips {args.clips}"
        name = f"autoencoder_{Path(args.model).name}"
        write_result(name, values, command=f"{command} --record", seed=args.seed)


def load_vae(name: str) -> AutoencoderKLLTXVideo:
    """Load the autoencoder of a model, or one by itself."""
    alone = (Path(name) / "config.json").exists()
    vae = load_part(AutoencoderKLLTXVideo, Path(name)) if alone else load_model(name).vae
    return vae.eval()


@torch.no_grad()
def through(vae: AutoencoderKLLTXVideo, clip: np.ndarray) -> np.ndarray:
    """Encode and decode one clip."""
    return to_frames(decode(vae, encode(vae, to_model_range(torch.from_numpy(clip)[None]))))[
        0
    ].numpy()


def means(rows: list[dict[str, float | None]]) -> dict[str, float]:
    """Average the figures that say how near a clip came back, over the clips that have them."""
    table = pd.DataFrame(rows).filter(regex=r"^(psnr|ssim|sync|blink_f1|pearson\..*)$")
    return {str(name): round(float(value), 4) for name, value in table.mean().items()}


def linear(truths: list[np.ndarray], counts: tuple[int, ...]) -> dict[int, float]:
    """Return the PSNR in dB that principal components of 16 x 16 pixels and 4 frames keep."""
    cases = [training_case(k) for k in range(0, 2048, 8)]
    trained = render_batch([c.edited for c in cases], [c.motion for c in cases], 96)
    directions = principal(blocks(to_model_range(trained), 16, 4), max(counts))
    rows = blocks(to_model_range(torch.from_numpy(np.stack(truths))), 16, 4)
    kept = {n: rows @ directions[:n].T @ directions[:n] for n in counts}
    return {n: -10 * ((k - rows).square().mean() / 4).log10().item() for n, k in kept.items()}


if __name__ == "__main__":
    main()
