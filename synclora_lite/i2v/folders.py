"""From a model's name to its folder, and the one caption that it is always given."""

from pathlib import Path

import torch
from diffusers import LTXImageToVideoPipeline
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor

from synclora_lite.errors import ModelError
from synclora_lite.files import atomic_path, data_dir, read_json
from synclora_lite.i2v.coordinates import Positions

CAPTION = "caption.safetensors"
PROMPT = "3d1t"  # the whole prompt of the released adapter (arXiv 2512.03013)
PARTS = ("model_index.json", "vae/*", "transformer/*", "scheduler/*", "text_encoder/*")
MORE = ("tokenizer/*", "audio_vae/*", "vocoder/*", "connectors/*", CAPTION, "synclora.json")


def model_folder(name: str | Path) -> Path:
    """Return the folder of a shipped model, of a path, or of a hub name such as `owner/model`.

    A hub name is downloaded once, through the ordinary client and its cache.

    Raises:
        ModelError: There is no such folder, and the hub does not have or give it.

    """
    shipped = data_dir() / "models" / str(name)
    for folder in (shipped, Path(name)):
        if folder.is_dir():
            return folder
    advice = "name `lite`, a folder in diffusers layout, or a model of the hub as owner/model"
    if str(name).count("/") != 1 or str(name).startswith((".", "/", "~")):
        raise ModelError(f"no model {str(name)!r}", "a shipped model or a folder", advice)
    try:
        return Path(snapshot_download(str(name), allow_patterns=[*PARTS, *MORE]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{name} cannot be downloaded ({reason})", "", advice) from error


def pipeline_class(folder: Path) -> str:
    """Return the name of the pipeline that a folder was saved from."""
    index = folder / "model_index.json"
    return str(read_json(index).get("_class_name", "")) if index.exists() else ""


def stock_positions(folder: Path) -> Positions:
    """Return where the folder's own pipeline says that latent frames start."""
    return "uniform" if pipeline_class(folder) == "LTXImageToVideoPipeline" else "causal"


def load_caption(folder: Path) -> Float[Tensor, "1 caption_tokens dim"]:
    """Return the cached caption embedding; if there is none, compute it and keep it.

    The text encoder is in memory only while this runs, and never together with the transformer.

    Raises:
        ModelError: There is neither a cached caption nor a text encoder.

    """
    file = folder / CAPTION
    if not file.exists():
        if not (folder / "text_encoder").is_dir():
            raise ModelError(
                f"{folder} holds neither {CAPTION} nor a text encoder",
                "one of the two",
                "download the model with its text encoder; it is needed once",
            )
        caption = encode_caption(folder)
        with atomic_path(file) as partial:
            save_file({"caption": caption.contiguous()}, partial)
    return load_file(file)["caption"]


@torch.no_grad()
def encode_caption(folder: Path, prompt: str = PROMPT) -> Float[Tensor, "1 caption_tokens dim"]:
    """Embed a prompt with the folder's text encoder, without the tokens of padding.

    The transformer would mask those anyway, so leaving them out changes nothing.
    """
    pipe = LTXImageToVideoPipeline.from_pretrained(folder, transformer=None, vae=None)
    embedding, mask, _, _ = pipe.encode_prompt(prompt, do_classifier_free_guidance=False)
    return embedding[:, mask[0].bool()].float()
