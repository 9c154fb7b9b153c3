"""Measure what a model knows: ``python -m benchmarks.calibrate data/models/lite``."""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import AutoencoderKLLTXVideo
from jaxtyping import Float

from synclora_course.puppets import PHOTOS, puppet_clip
from synclora_lite.editing.domain import Domain, Pictures, save_domain, strangeness
from synclora_lite.errors import ModelError, in_one_line
from synclora_lite.models import load_part
from synclora_lite.portraits import held_out, render_clip, sample_motion


def calibrate(
    vae: AutoencoderKLLTXVideo, *, side: int, frames: int, portraits: int = 54, seed: int = 7
) -> Domain:
    """Compare held-out portraits, compressed ones too, with photo puppets.

    Args:
        vae: The autoencoder.
        side: Side of the model's frames.
        frames: Length of its clips.
        portraits: How many held-out pairs to measure.
        seed: Of the portraits and motions.

    Raises:
        ModelError: The autoencoder does not tell the two kinds apart.

    """
    cases = held_out(seed, portraits, frames=2)
    drawn = [render_clip(who, c.motion, side)[1] for c in cases for who in (c.source, c.edited)]
    portrait = np.stack(drawn)
    known = strangeness(vae, np.concatenate([portrait, compressed(portrait)]))
    motion = sample_motion(torch.Generator().manual_seed(seed), frames=8)
    unknown = strangeness(vae, np.concatenate([puppet_clip(p, motion, side) for p in PHOTOS]))
    return Domain(
        side,
        frames,
        draw_limit(known, unknown),
        known=tuple(np.quantile(known, (0.05, 0.5, 0.95, 1.0)).round(5).tolist()),
        unknown=tuple(np.quantile(unknown, (0.0, 0.05, 0.5, 0.95)).round(5).tolist()),
    )


def draw_limit(known: Float[np.ndarray, " a"], unknown: Float[np.ndarray, " b"]) -> float:
    """Put the limit midway, on a logarithmic scale, between the two kinds.

    Raises:
        ModelError: The kinds overlap, so that no limit tells them apart.

    """
    low, high = known.max(), unknown.min()
    if low >= high:
        raise ModelError(
            f"the two kinds overlap (known up to {low:.4f}, others from {high:.4f})",
            "a gap between them",
            "train the autoencoder for longer",
        )
    return float(np.sqrt(low * high))


def compressed(pictures: Pictures, quality: int = 60) -> Pictures:
    """Put pictures through JPEG: what a model must accept may have been compressed."""
    coded = [cv2.imencode(".jpg", picture, [1, quality])[1] for picture in pictures]
    return np.stack([np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR)) for code in coded])


def main() -> None:
    """Calibrate one model folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--frames", type=int, default=17)
    wanted = parser.parse_args()
    vae = load_part(AutoencoderKLLTXVideo, wanted.folder / "vae").eval()
    save_domain(calibrate(vae, side=wanted.side, frames=wanted.frames), wanted.folder)


if __name__ == "__main__":
    in_one_line(main)
