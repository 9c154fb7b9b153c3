"""What the autoencoder gives back: pixels, and cues as MediaPipe reads them.

    python -m benchmarks.autoencoder --model lite --record
    python -m benchmarks.autoencoder --model runs/autoencoder-1/final

The clips are the true edits of the exam. Beside it stand principal components of blocks as large
as a latent's place, found on training clips: what a linear map keeps with so many numbers, in
pixels and of the mouth. And the same clips with noise, and with a blur, as far from the truth as
what the autoencoder gave back: what of the cues' loss is the size of the error, and what its kind.
Writes data/results/autoencoder_MODEL.json.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from diffusers import AutoencoderKLLTXVideo
from einops import rearrange

from recipes.principal import blocks, principal
from recipes.rendering import training_case
from synclora_lite.evaluation.exam import render_case
from synclora_lite.evaluation.judging import judge
from synclora_lite.evaluation.metrics import psnr
from synclora_lite.files import write_result
from synclora_lite.models import decode, encode, load_model, load_part
from synclora_lite.models.latents import to_frames, to_model_range
from synclora_lite.portraits import held_out, render_batch

COMPONENTS = (64, 128, 192, 256, 384, 512, 768)
SIDE, FRAMES = 16, 4  # of a block: what one place of the latents stands for
KEPT = ("psnr", "sync", "pearson.mouth", "pearson.blink", "pearson.gaze_x")


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
    values = {"clips": len(truths), "channels": vae.config.latent_channels}
    values |= judged(truths, outputs)
    errors = [psnr(t, o) for t, o in zip(truths, outputs, strict=True)]
    for name, spoil in (("noise", noisy), ("blur", blurred)):
        others = [spoil(t, e) for t, e in zip(truths, errors, strict=True)]
        values |= {f"{name}.{k}": v for k, v in judged(truths, others).items() if k in KEPT}
    for count, kept in linear(truths, COMPONENTS).items():
        values |= {f"linear_{count}.{k}": v for k, v in judged(truths, kept).items() if k in KEPT}
    for name, value in values.items():
        print(f"{name:20} {value}")
    if args.record:
        command = f"python -m benchmarks.autoencoder --model {args.model} --clips {args.clips}"
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


def judged(truths: list[np.ndarray], outputs: list[np.ndarray]) -> dict[str, float]:
    """Average the metrics that say how near clips came back, over the clips that have them."""
    rows = [judge(t, t, o) for t, o in zip(truths, outputs, strict=True)]
    table = pd.DataFrame(rows).filter(regex=r"^(psnr|ssim|sync|blink_f1|pearson\..*)$")
    return {str(name): round(float(value), 4) for name, value in table.mean().items()}


def noisy(clip: np.ndarray, wanted: float) -> np.ndarray:
    """Add white noise, of a fixed seed, until the clip is `wanted` dB from itself."""
    noise = np.random.default_rng(0).standard_normal(clip.shape)
    return _spoilt(lambda strength: clip + 100 * strength * noise, clip, wanted)


def blurred(clip: np.ndarray, wanted: float) -> np.ndarray:
    """Blur every frame until the clip is `wanted` dB from itself."""

    def blur(strength: float) -> np.ndarray:
        return np.stack([cv2.GaussianBlur(f, (0, 0), 0.1 + 8 * strength) for f in clip])

    return _spoilt(blur, clip, wanted)


def _spoilt(spoil: Callable[[float], np.ndarray], clip: np.ndarray, wanted: float) -> np.ndarray:
    """Find by halving the strength, 0 to 1, at which the clip is `wanted` dB from itself."""
    low, high = 0.0, 1.0
    for _ in range(14):
        strength = (low + high) / 2
        made = np.clip(spoil(strength) + 0.5, 0, 255).astype(np.uint8)
        low, high = (strength, high) if psnr(clip, made) > wanted else (low, strength)
    return made


def linear(truths: list[np.ndarray], counts: tuple[int, ...]) -> dict[int, list[np.ndarray]]:
    """Return the clips with so many principal components of 16 x 16 pixels and 4 frames kept."""
    cases = [training_case(k) for k in range(0, 2048, 8)]
    trained = render_batch([c.edited for c in cases], [c.motion for c in cases], 96)
    directions = principal(blocks(to_model_range(trained), SIDE, FRAMES), max(counts))
    return {n: [projected(truth, directions[:n]) for truth in truths] for n in counts}


def projected(clip: np.ndarray, directions: torch.Tensor) -> np.ndarray:
    """Keep of every block what lies along the directions."""
    kept = blocks(to_model_range(torch.from_numpy(clip)[None]), SIDE, FRAMES)
    kept = kept @ directions.T @ directions
    pattern = "(b f h w) (c t y x) -> b c (f t) (h y) (w x)"
    sizes = {"b": 1, "h": clip.shape[1] // SIDE, "w": clip.shape[2] // SIDE}
    video = rearrange(kept, pattern, **sizes, t=FRAMES, y=SIDE, x=SIDE)
    return to_frames(video[:, :, FRAMES - 1 :])[0].numpy()


if __name__ == "__main__":
    main()
