"""Does the model know this kind of picture? A measured answer.

The larger principal components of rendered portraits, two thirds of a latent's channels, give back
such portraits as they were, and photographs smoother. And photographs have texture everywhere,
drawings on their edges only. What four of five pixels stay under, in error and in texture, tells
the two kinds apart; the worst pixels do not (both have edges), nor do the best (both have smooth
walls). Where to draw the line is measured once per model, on held-out portraits and photo puppets.
"""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from pydantic import Field
from torch import Tensor

from synclora_lite.errors import EditError, ModelError
from synclora_lite.files import read_json, write_json
from synclora_lite.models import decode, encode
from synclora_lite.models.autoencoder import Autoencoder
from synclora_lite.models.latents import to_model_range
from synclora_lite.settings import Settings, build

FILE = "domain.json"
DRAWN = 1.15  # a first frame may be edited by hand: ribs on a hat are nothing a renderer draws
LAPLACIAN = torch.tensor([[[[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]]]])
Pictures = UInt8[np.ndarray, "pictures side side 3"]


@dataclass(frozen=True)
class Domain(Settings):
    """The clips a model knows."""

    side: Annotated[int, Field(ge=16, le=4096)]  # of its square frames, in pixels
    frames: Annotated[int, Field(ge=2, le=4096)]
    limit: Annotated[float, Field(ge=1e-6, le=100)]  # largest `strangeness` of what it knows
    kind: str = "rendered portraits"  # what it knows, in words, for messages
    known: tuple[float, ...] = ()  # quantiles over pictures it must accept: 5, 50, 95, 100 %
    unknown: tuple[float, ...] = ()  # and over pictures it must refuse: 0, 5, 50, 95 %


def load_domain(folder: str | Path) -> Domain:
    """Read `domain.json` of a model folder; ModelError without one, ConfigError if damaged."""
    path = Path(folder) / FILE
    if not path.exists():
        advice = "run: python -m benchmarks.calibrate FOLDER"
        raise ModelError(f"{path.parent.name} has no {FILE}", "a measured domain", advice)
    return build(Domain, read_json(path), f"{path}: ")


def save_domain(domain: Domain, folder: str | Path) -> Path:
    """Write `domain.json`."""
    return write_json(Path(folder) / FILE, asdict(domain))


@torch.no_grad()
def strangeness(vae: Autoencoder, pictures: Pictures) -> Float[np.ndarray, " pictures"]:
    """Return the geometric mean of error and texture of each picture, in [-1, 1] units.

    Error is what is wrong without the last third of the channels, texture the Laplacian.
    """

    def most(change: Float[Tensor, "pictures 3 _ _"]) -> Float[Tensor, " pictures"]:
        """Return what four of five pixels stay under, in the worst channel."""
        return change.abs().amax(1).flatten(1).quantile(0.8, 1)

    video = to_model_range(torch.from_numpy(pictures)[:, None]).to(vae.device)
    found = []
    for part in video.split(8):
        latents = encode(vae, part)
        latents[:, 2 * latents.shape[1] // 3 :] = 0
        error = (decode(vae, latents) - part)[:, :, 0]
        texture = F.conv2d(part[:, :, 0].flatten(0, 1)[:, None], LAPLACIAN.to(part))
        texture = texture.unflatten(0, (len(part), 3))[:, :, 0]
        found.append((most(error) * most(texture)).sqrt())
    return torch.cat(found).double().cpu().numpy()


def check_domain(
    vae: Autoencoder,
    domain: Domain,
    advice: str,
    source: Pictures,
    first_frame: UInt8[np.ndarray, "side side 3"],
) -> dict[str, float]:
    """Return the median strangeness of the source and its edited first frame over the limit.

    Raises EditError with the advice for a kind of pictures that the model does not know.
    """
    if math.isinf(domain.limit):
        return {"source": 0.0, "first_frame": 0.0}
    probes = {"source": source[np.linspace(0, len(source) - 1, 3).astype(int)]}
    probes["first_frame"], found = first_frame[None], {}
    for name, pictures in probes.items():
        found[name] = float(np.median(strangeness(vae, pictures))) / domain.limit
        if found[name] > (DRAWN if name == "first_frame" else 1.0):
            part = "edited first frame" if name == "first_frame" else "source"
            known = f"the model knows {domain.kind} only, and the {part} looks like something else"
            what = f"{known} ({found[name]:.2f} times as strange as it may be)"
            raise EditError(what, domain.kind, advice)
    return found
