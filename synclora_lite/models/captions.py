"""The one prompt's embedding, computed once: no text encoder is ever beside the transformer."""

import hashlib
import os
from collections.abc import Callable, Collection
from pathlib import Path

import torch
from diffusers import LTXImageToVideoPipeline
from torch import Tensor

from synclora_lite.errors import ModelError
from synclora_lite.landmarks.cache import cache_dir
from synclora_lite.models.precision import LARGE, weight_bytes
from synclora_lite.tensors import read_tensors, write_tensors

CAPTION = "caption.safetensors"
PROMPT = "3d1t"  # the whole prompt of the released adapter (arXiv 2512.03013)
Embedded = dict[str, Tensor]


def kept_caption(
    folder: Path,
    embed: Callable[[Path, torch.dtype], Embedded],
    names: Collection[str] = ("caption",),
) -> Embedded:
    """Return the kept embedding of a model folder; if there is none, compute and keep it.

    It is kept beside the weights or, where they may not be written to, in the user's cache; one
    without all the `names` is computed anew. Raises ModelError if there is neither a kept embedding
    nor a text encoder, ArtifactError if what was kept is damaged.
    """
    place = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:32]
    beside = folder / CAPTION
    elsewhere = cache_dir().parent / "captions" / f"{place}.safetensors"
    for file in (beside, elsewhere):
        if file.exists() and set(names) <= (kept := read_tensors(file, names=("caption",))).keys():
            return kept
    encoder = folder / "text_encoder"
    if not encoder.is_dir():
        advice = "download the model with its text encoder; it is needed once"
        what = f"{folder} holds neither {CAPTION} nor a text encoder"
        raise ModelError(what, "one of the two", advice)
    embedded = embed(folder, torch.bfloat16 if weight_bytes(encoder) > LARGE else torch.float32)
    write_tensors(beside if os.access(folder, os.W_OK) else elsewhere, embedded, {})
    return embedded


@torch.no_grad()
def embed_prompt(folder: Path, dtype: torch.dtype) -> Embedded:
    """Embed the prompt without the tokens of padding, which the transformer would mask anyway."""
    without = dict.fromkeys(("transformer", "vae"))
    pipe = LTXImageToVideoPipeline.from_pretrained(
        folder, **without, dtype=dtype, local_files_only=True, use_safetensors=True
    )
    embedding, mask, _, _ = pipe.encode_prompt(PROMPT, do_classifier_free_guidance=False)
    return {"caption": embedding[:, mask[0].bool()].float()}
