"""Make what the lite trainings read: rendered pairs, and their latents.

``python -m recipes.bank frames runs/bank --pairs 6144``
``python -m recipes.bank latents runs/bank runs/latents``
"""

import argparse
from pathlib import Path

import torch
from diffusers import AutoencoderKLLTXVideo

from recipes.rendering import build_bank, encode_bank
from synclora_lite.errors import in_one_line
from synclora_lite.models import load_part

SIDE = 96  # pixels of the lite model's clips


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parts = parser.add_subparsers(dest="what", required=True)
    frames = parts.add_parser("frames", help="render pairs; goes on where it was stopped")
    frames.add_argument("folder", type=Path)
    frames.add_argument("--pairs", type=int, required=True, help="rounded up to a multiple of 64")
    frames.add_argument("--first", type=int, default=0, help="the first pair, a multiple of 64")
    frames.add_argument("--size", type=int, default=SIDE)
    frames.add_argument("--jobs", type=int, default=2)
    latents = parts.add_parser("latents", help="encode them; goes on where it was stopped")
    latents.add_argument("frames", type=Path)
    latents.add_argument("folder", type=Path)
    latents.add_argument("--vae", type=Path, default=Path("data/models/lite/vae"))
    wanted = parser.parse_args()
    if wanted.what == "frames":
        sizes = {"first": wanted.first, "size": wanted.size, "jobs": wanted.jobs}
        build_bank(wanted.folder, wanted.pairs, **sizes)
        return
    vae = load_part(AutoencoderKLLTXVideo, wanted.vae).eval()
    with torch.inference_mode():
        encode_bank(vae, wanted.frames, wanted.folder)


if __name__ == "__main__":
    in_one_line(main)
